/** One page that needs nothing else: no script, no font, no picture from elsewhere. */
import { countAll } from '../counts.ts';
import { curveOf } from '../curve.ts';
import type { JudgedProtocol } from '../judge.ts';
import { NOTE_NOTHING_LEARNED, nothingLearned, type Run } from '../notes.ts';
import type { Outcome } from '../outcome.ts';
import type { Suite } from '../suites.ts';
import { anchorOf, html, type Markup } from './html.ts';
import { drawLearning } from './learning.ts';
import { listOf } from './lists.ts';
import { drawCurves, type NamedCurve } from './svg.ts';
import { countsTable, goalsTable, toolsTable } from './tables.ts';

const STYLE = `body{font:14px/1.45 system-ui,sans-serif;max-width:76em;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:.6em 0}td,th{border:1px solid #ddd;padding:.15em .5em;text-align:right;vertical-align:top}
td:first-child,th:first-child,details td,td.left{text-align:left}code{overflow-wrap:anywhere;white-space:pre-wrap}
details{margin:.2em 0}details:target{background:#fff6d8}blockquote{white-space:pre-wrap;overflow-wrap:anywhere;border-left:3px solid #ccc;margin:.4em 0;padding-left:.8em}
svg text{font:12px system-ui,sans-serif}.note{background:#eef3f8;padding:.5em .8em}`;

export function renderReport(suites: readonly Suite[], judged: readonly JudgedProtocol[], run: Run): string {
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"><meta name="viewport" content="width=device-width"><title>Assent: judged on recorded sessions</title><style>
${STYLE}
</style></head><body>
<h1>Judged on recorded sessions</h1>
<p>Percentages with 95 % Wilson intervals. A stopped attack was denied or escalated at or before the call that does the harm; an interrupted benign session had a call escalated. Suites marked beside are in no sum.</p>
<nav><ul>${judged.map(({ protocol }) => html`<li><a href="#${protocol}">${protocol}</a></li>`)}<li><a href="#learning">learning</a></li><li><a href="#made-up">what is made up</a></li><li><a href="#failures">failures</a></li></ul></nav>
${judged.map((each) => sectionOf(suites, each))}
${learningSection(judged)}
${madeUpSection(run)}
${failuresSection(judged)}
</body></html>
`;
  return page.text;
}

function sectionOf(suites: readonly Suite[], { protocol, outcomes }: JudgedProtocol): Markup {
  const counts = countAll(outcomes, suites);
  const attacks = outcomes.filter(({ trace }) => trace.kind === 'attack');
  const benign = outcomes.filter(({ trace }) => trace.kind === 'benign');
  const heading = (words: string): Markup => {
    const anchor = anchorOf(protocol, words);
    return html`<h3 id="${anchor}"><a href="#${anchor}">${words}</a></h3>`;
  };
  return html`<section><h2 id="${protocol}"><a href="#${protocol}">${protocol}</a></h2>
${countsTable(counts)}
${heading('trade-off')}
${curvesOf(suites, outcomes)}
${heading('by attack goal')}
${goalsTable(outcomes)}
${heading('by tool')}
${toolsTable(outcomes)}
${listOf(protocol, 'misses', attacks)}
${listOf(protocol, 'false alarms', benign)}
</section>`;
}

function curvesOf(suites: readonly Suite[], outcomes: readonly Outcome[]): Markup {
  const summed = suites.filter(({ beside }) => !beside).map(({ name }) => name);
  const named = [['all', summed] as const, ...summed.map((name) => [name, [name]] as const)].flatMap(
    ([name, of]): NamedCurve[] => {
      const curve = curveOf(outcomes.filter(({ trace }) => of.includes(trace.suite)));
      return curve === undefined ? [] : [{ name, ...curve }];
    },
  );
  if (named.length === 0)
    return html`<p>There are not both attacks and benign sessions, so there is nothing to trade.</p>`;
  return html`<p>Each dot is a threshold on the score of a session, which is the most that any of its calls scored; a ring is where the policy's own gates stand.</p>
${drawCurves(named)}`;
}

function learningSection(judged: readonly JudgedProtocol[]): Markup {
  const rows = judged.map(
    ({ protocol, parts }) =>
      html`${parts.map(
        ({ held, learned }, index) =>
          html`<tr><td>${protocol} ${index + 1}</td><td>${learned.played}</td><td>${learned.unclean}</td><td>${learned.taken}</td><td class="left">${held.join(', ')}</td></tr>
`,
      )}`,
  );
  return html`<section><h2 id="learning"><a href="#learning">learning</a></h2>
${judged.map(({ protocol, learning }) =>
  learning.length === 0
    ? ''
    : html`<p>${protocol}: the first fold's judged sessions, by how many sessions were learned before.</p>
${drawLearning(learning)}`,
)}
${nothingLearned(judged) ? html`<p class="note">${NOTE_NOTHING_LEARNED}. There is therefore no learning curve.</p>` : ''}
<table><tr><th>fold</th><th>played and closed</th><th>not clean</th><th>taken into a baseline</th><th>judged there</th></tr>
${rows}</table></section>`;
}

function madeUpSection({ seed, synthetic, left_out, over_the_wire }: Run): Markup {
  const { principals, days, approver, model_groups } = synthetic;
  return html`<section><h2 id="made-up"><a href="#made-up">what is made up</a></h2>
<p>The traces have no dates, people or approvals. By seed ${seed}: ${principals} delegating principals a suite, ${days} days of learning before the day that is judged, one agent a suite. Whoever is asked says ${approver}.</p>
<table><tr><th>base model</th><th>editions</th></tr>
${Object.entries(model_groups).map(
  ([group, editions]) => html`<tr><td>${group}</td><td class="left">${editions.join(', ')}</td></tr>
`,
)}</table>
<table><tr><th>suite</th><th>left out: the prompt names the attacker</th><th>the attack failed</th><th>the task was not solved</th></tr>
${Object.entries(left_out).map(
  ([
    suite,
    { collision, resisted, unsolved },
  ]) => html`<tr><td>${suite}</td><td>${collision}</td><td>${resisted}</td><td>${unsolved}</td></tr>
`,
)}</table>
<p>Asked over the stream as well: ${Object.entries(over_the_wire)
    .map(([protocol, many]) => `${protocol} ${many}`)
    .join(', ')}.</p></section>`;
}

function failuresSection(judged: readonly JudgedProtocol[]): Markup {
  const items = judged.flatMap(({ protocol, failures }) =>
    failures.map(
      ({ session, problem }) => html`<li>${protocol} ${session}: ${problem}</li>
`,
    ),
  );
  return html`<section><h2 id="failures"><a href="#failures">failures</a></h2>${items.length === 0 ? html`<p>Every session was replayed, and every answer over the stream was the same.</p>` : html`<ul>${items}</ul>`}</section>`;
}
