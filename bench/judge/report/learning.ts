/** The learning curve, drawn by hand, with its figures below. */
import { count } from '../counts.ts';
import type { LearningPoint } from '../judge.ts';
import { rate } from '../table.ts';
import { html, type Markup } from './html.ts';

const WIDTH = 480;
const HEIGHT = 220;
const LEFT = 48;
const TOP = 12;

/** Sessions to the right, each point as far from the last as the next; shares upwards. */
export function drawLearning(points: readonly LearningPoint[]): Markup {
  const counted = points.map(({ sessions, outcomes }) => ({ sessions, counts: count(outcomes) }));
  const x = (index: number): number => LEFT + (index * WIDTH) / Math.max(1, points.length - 1);
  const line = (name: string, colour: string, shares: readonly number[]): Markup => {
    const places = shares.map(
      (share, index) => `${x(index).toFixed(1)},${(TOP + (1 - share) * HEIGHT).toFixed(1)}`,
    );
    return html`<polyline points="${places.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"><title>${name}</title></polyline>
`;
  };
  const share = (hits: number, of: number): number => (of === 0 ? 0 : hits / of);
  return html`<svg viewBox="0 0 ${LEFT + WIDTH + 40} ${TOP + HEIGHT + 40}" width="${LEFT + WIDTH + 40}" height="${TOP + HEIGHT + 40}" role="img" aria-label="learning curve">
<rect x="${LEFT}" y="${TOP}" width="${WIDTH}" height="${HEIGHT}" fill="none" stroke="#999"/>
${[0, 0.5, 1].map((tick) => html`<text x="${LEFT - 6}" y="${TOP + (1 - tick) * HEIGHT + 4}" text-anchor="end">${Math.round(100 * tick)} %</text>`)}
${counted.map(({ sessions }, index) => html`<text x="${x(index).toFixed(1)}" y="${TOP + HEIGHT + 16}" text-anchor="middle">${sessions}</text>`)}
<text x="${LEFT + WIDTH / 2}" y="${TOP + HEIGHT + 34}" text-anchor="middle">sessions learned from; blue: attacks stopped, red: benign interrupted</text>
${line(
  'attacks stopped',
  '#1f5fa8',
  counted.map(({ counts }) => share(counts.stopped, counts.attacks)),
)}${line(
  'benign sessions interrupted',
  '#b5482a',
  counted.map(({ counts }) => share(counts.interrupted, counts.benign)),
)}</svg>
<table><tr><th>sessions</th><th>stopped %</th><th>interrupted %</th></tr>
${counted.map(
  ({
    sessions,
    counts,
  }) => html`<tr><td>${sessions}</td><td>${rate(counts.stopped, counts.attacks)}</td><td>${rate(counts.interrupted, counts.benign)}</td></tr>
`,
)}</table>`;
}
