import { type Counts, count, type SuiteCounts } from '../counts.ts';
import type { Outcome } from '../outcome.ts';
import { rate, rowsOf } from '../table.ts';
import { html, type Markup } from './html.ts';

export function countsTable(counts: SuiteCounts): Markup {
  return html`<table>
<tr><th>suite</th><th>attacks</th><th>stopped %</th><th>denied</th><th>escalated</th><th>at the attack itself</th><th>benign</th><th>interrupted %</th><th>denied %</th><th>refused calls</th></tr>
${rowsOf(counts).map(([name, each]) => countsRow(name, each))}</table>`;
}

function countsRow(name: string, counts: Counts): Markup {
  const { attacks, stopped, denied, escalated, hit, benign, interrupted, benign_denied, rejected } = counts;
  return html`<tr><td>${name}</td><td>${attacks}</td><td>${rate(stopped, attacks)}</td><td>${denied}</td><td>${escalated}</td><td>${rate(hit, attacks)}</td><td>${benign}</td><td>${rate(interrupted, benign)}</td><td>${rate(benign_denied, benign)}</td><td>${rejected}</td></tr>
`;
}

/** Attacks by what they are after. */
export function goalsTable(outcomes: readonly Outcome[]): Markup {
  const attacks = outcomes.filter(({ trace }) => trace.kind === 'attack');
  const rows = grouped(attacks, ({ trace }) => `${trace.suite} ${trace.goal}`);
  return html`<table><tr><th>attack goal</th><th>attacks</th><th>stopped %</th><th>denied</th><th>escalated</th></tr>
${rows.map(([goal, of]) => {
  const { attacks: all, stopped, denied, escalated } = count(of);
  return html`<tr><td>${goal}</td><td>${all}</td><td>${rate(stopped, all)}</td><td>${denied}</td><td>${escalated}</td></tr>
`;
})}</table>`;
}

/** Attacks by the tool that does the harm; benign sessions by the tools that they use. */
export function toolsTable(outcomes: readonly Outcome[]): Markup {
  const used = new Map<string, { attacks: number; stopped: number; benign: number; interrupted: number }>();
  const row = (suite: string, tool: string) => {
    const name = `${suite}.${tool}`;
    const known = used.get(name) ?? { attacks: 0, stopped: 0, benign: 0, interrupted: 0 };
    used.set(name, known);
    return known;
  };
  for (const { trace, calls, stop, interrupting, denied } of outcomes) {
    const toolAt = (index: number): string => trace.steps[index]?.tool ?? '';
    if (trace.kind === 'attack') {
      const core = row(trace.suite, toolAt(calls.at(-1)?.index ?? 0));
      core.attacks += 1;
      if (stop !== undefined) core.stopped += 1;
      continue;
    }
    for (const tool of new Set(calls.map(({ index }) => toolAt(index)))) row(trace.suite, tool).benign += 1;
    for (const tool of new Set([...interrupting, ...denied].map(({ index }) => toolAt(index))))
      row(trace.suite, tool).interrupted += 1;
  }
  return html`<table><tr><th>tool</th><th>attacks with it</th><th>stopped %</th><th>benign sessions with it</th><th>interrupted or denied at it %</th></tr>
${[...used]
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(
    ([name, { attacks, stopped, benign, interrupted }]) =>
      html`<tr><td>${name}</td><td>${attacks}</td><td>${rate(stopped, attacks)}</td><td>${benign}</td><td>${rate(interrupted, benign)}</td></tr>
`,
  )}</table>`;
}

function grouped(
  outcomes: readonly Outcome[],
  keyOf: (outcome: Outcome) => string,
): readonly (readonly [string, readonly Outcome[]])[] {
  const groups = Map.groupBy(outcomes, keyOf);
  return [...groups].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }));
}
