import { describe, expect, test } from 'vitest';
import type { JudgedProtocol } from '../../bench/judge/judge.ts';
import { NOTHING_LEARNED } from '../../bench/judge/learner.ts';
import { NOTE_NOTHING_LEARNED, runOf } from '../../bench/judge/notes.ts';
import { outcomeOf } from '../../bench/judge/outcome.ts';
import { anchorOf, cut, escapeHtml, html } from '../../bench/judge/report/html.ts';
import { renderReport } from '../../bench/judge/report/report.ts';
import type { Suite } from '../../bench/judge/suites.ts';
import { call, step, trace } from './made.ts';

const EVIL = `<script>alert('x')</script>"><img src=x onerror=alert(1)>&#60;\u202e`;

const miss = trace({
  kind: 'attack',
  line: 12,
  attack: EVIL,
  goal: EVIL,
  task: EVIL,
  model: EVIL,
  prompt: EVIL,
  steps: [step({ tool: EVIL, error: EVIL, mal: 'core' })],
});
const alarm = trace({ line: 7, prompt: EVIL, steps: [step({ tool: 'send', error: EVIL })] });
const suite: Suite = {
  name: 'estate',
  tools: new Map(),
  beside: false,
  traces: [miss, alarm],
  left: { collision: 1, resisted: 2, unsolved: 3 },
};
const outcomes = [
  outcomeOf(miss, [{ ...call(0, 'allow', { provenance: { [EVIL]: EVIL } }), args: { [EVIL]: EVIL } }], 1),
  outcomeOf(
    alarm,
    [{ ...call(0, 'escalate', { codes: [EVIL], provenance: { to: EVIL } }), args: { to: EVIL } }],
    2,
  ),
];

function judged(change: Partial<JudgedProtocol> = {}): JudgedProtocol {
  return {
    protocol: 'cold',
    parts: [{ held: [], learned: NOTHING_LEARNED }],
    outcomes,
    learning: [],
    sampled: 1,
    failures: [{ session: 'estate:7', problem: EVIL }],
    ...change,
  };
}

function rendered(...protocols: readonly JudgedProtocol[]): string {
  return renderReport([suite], protocols, runOf([suite], protocols, { seed: 1 }));
}

test('nothing that stands in a trace is markup', () => {
  const page = rendered(judged());
  expect(page).not.toMatch(/<script|<img|onerror=alert\(1\)>|\u202e/i);
  expect(page).toContain('&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&gt;&lt;img src=x');
  const tags = new Set([...page.matchAll(/<([a-z!0-9]+)/gi)].map(([, tag]) => tag?.toLowerCase()));
  for (const tag of tags)
    expect(
      '!doctype html head meta title style body h1 h2 h3 p nav ul li a section table tr th td details summary blockquote code q b svg rect line text polyline circle'.split(
        ' ',
      ),
    ).toContain(tag);
});

test('the page asks for nothing from elsewhere', () => {
  const page = rendered(judged());
  expect(page).toContain(`default-src 'none'`);
  expect(page).not.toMatch(/\ssrc=(?!x)|@import|url\(|<link/);
  for (const [, href] of page.matchAll(/href="([^"]*)"/g)) expect(href).toMatch(/^#/);
});

test('every miss and every false alarm has an anchor of its own, and every link leads to one', () => {
  const page = rendered(judged(), judged({ protocol: 'unseen' }));
  const ids = [...page.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ['cold-estate-12', 'cold-estate-7', 'unseen-estate-12', 'unseen-estate-7'])
    expect(ids).toContain(id);
  for (const [, target] of page.matchAll(/href="#([^"]*)"/g)) expect(ids).toContain(target);
});

test('tables carry intervals, and there is a curve', () => {
  const page = rendered(judged());
  expect(page).toContain('0.0 (0.0–79.3)');
  expect(page).toContain('<polyline points="');
});

test('it says that nothing was learned, and only where something should have been', () => {
  expect(rendered(judged({ protocol: 'unseen' }))).toContain(escapeHtml(NOTE_NOTHING_LEARNED));
  expect(rendered(judged())).not.toContain(escapeHtml(NOTE_NOTHING_LEARNED));
  const taught = judged({
    protocol: 'known',
    parts: [{ held: [], learned: { ...NOTHING_LEARNED, taken: 1 } }],
  });
  expect(rendered(taught)).not.toContain(escapeHtml(NOTE_NOTHING_LEARNED));
});

test('there is a learning curve exactly where something was learned', () => {
  const learning = [0, 5].map((sessions) => ({ sessions, outcomes }));
  expect(rendered(judged({ protocol: 'known', learning }))).toContain('aria-label="learning curve"');
  expect(rendered(judged({ protocol: 'known' }))).not.toContain('aria-label="learning curve"');
});

describe('the template', () => {
  test('escapes what is put in, but for what it made itself', () => {
    expect(html`<p title="${'"\'&<>'}">${html`<b>${'<'}</b>`}${['<', 1]}</p>`.text).toBe(
      '<p title="&quot;&#39;&amp;&lt;&gt;"><b>&lt;</b>&lt;1</p>',
    );
  });

  test('shows characters that are not seen', () => {
    expect(escapeHtml('a\u0000b\u200bc\ud800d\ne')).toBe('a\ufffdb\ufffdc\ufffdd\ne');
  });

  test('anchors are plain, and cuts are told', () => {
    expect(anchorOf('cold', 'a b"<', 3)).toBe('cold-a-b-3');
    expect(cut('abcdef', 3)).toBe('abc … (3 more characters)');
    expect(cut('abc', 3)).toBe('abc');
  });
});
