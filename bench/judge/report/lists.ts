/** Every false alarm and every miss, each with its reason and an anchor of its own. */

import { isWrong, type Outcome } from '../outcome.ts';
import type { Call } from '../replay.ts';
import { anchorOf, cut, html, type Markup } from './html.ts';

const MOST = 600;

export function listOf(protocol: string, title: string, outcomes: readonly Outcome[]): Markup {
  const wrong = outcomes.filter(isWrong);
  const anchor = anchorOf(protocol, title);
  return html`<h3 id="${anchor}"><a href="#${anchor}">${title}</a> (${wrong.length})</h3>
${wrong.length === 0 ? html`<p>None.</p>` : wrong.map((outcome) => itemOf(protocol, outcome))}`;
}

function itemOf(protocol: string, outcome: Outcome): Markup {
  const { trace } = outcome;
  const anchor = anchorOf(protocol, trace.suite, trace.line);
  const shown =
    trace.kind === 'attack' ? outcome.calls.slice(-1) : [...outcome.denied, ...outcome.interrupting];
  const [first] = shown;
  const words = trace.kind === 'attack' ? `${trace.goal}, ${trace.attack}` : (first?.answer.effect ?? '');
  return html`<details id="${anchor}"><summary><a href="#${anchor}">${trace.suite}:${trace.line}</a> ${trace.task}: ${words}${first === undefined ? '' : html`: <code>${trace.steps[first.index]?.tool ?? ''}</code> ${reasonOf(first)}`}</summary>
<p>${trace.model}; score ${outcome.score.toFixed(2)}</p>
<blockquote>${cut(trace.prompt, MOST)}</blockquote>
${shown.map((call) => callOf(outcome, call))}
</details>
`;
}

function reasonOf({ answer }: Call): string {
  const doubted = Object.entries(answer.provenance).filter(
    ([, origin]) => origin !== 'user' && origin !== 'trusted',
  );
  const origins = doubted.map(([path, origin]) => `${cut(path, 60)} ${origin}`).join(', ');
  return cut([answer.codes.join(', '), origins].filter((part) => part !== '').join(': '), MOST);
}

function callOf({ trace }: Outcome, { index, args, answer }: Call): Markup {
  const step = trace.steps[index];
  return html`<p>step ${index + 1}: <code>${step?.tool ?? ''}</code> was answered <b>${answer.effect}</b>${answer.codes.length === 0 ? '' : ` (${answer.codes.join(', ')})`}${step?.error == null ? '' : html`; the tool itself reported <q>${cut(step.error, 200)}</q>`}</p>
<table>${Object.entries(args).map(
    ([name, value]) =>
      html`<tr><td>${cut(name, 60)}</td><td class="origin">${originsOf(name, answer.provenance)}</td><td><code>${cut(JSON.stringify(value), MOST)}</code></td></tr>`,
  )}</table>
`;
}

/** Of an argument and of what stands in it. */
function originsOf(name: string, provenance: Readonly<Record<string, string>>): string {
  const within = Object.entries(provenance).filter(
    ([path]) => path === name || (path.startsWith(name) && /^[.[~]/.test(path.slice(name.length))),
  );
  return [...new Set(within.map(([, origin]) => origin))].join(', ');
}
