/** The trade-off curve, drawn by hand. */
import type { Curve, Point } from '../curve.ts';
import { html, type Markup } from './html.ts';

const SIDE = 360;
const LEFT = 48;
const TOP = 12;
const TICKS = [0, 0.2, 0.4, 0.6, 0.8, 1];
const COLOURS = ['#1f5fa8', '#b5482a', '#3c7d3c', '#7a4aa0', '#8a6d1f', '#2a8a8a', '#a02a6a', '#555555'];

export interface NamedCurve extends Curve {
  readonly name: string;
}

const x = (share: number): string => (LEFT + share * SIDE).toFixed(1);
const y = (share: number): string => (TOP + (1 - share) * SIDE).toFixed(1);

/** Interrupted benign sessions to the right, stopped attacks upwards; a ring is where the policy's own gates stand. */
export function drawCurves(curves: readonly NamedCurve[]): Markup {
  const width = LEFT + SIDE + 190;
  const height = TOP + SIDE + 44;
  return html`<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="trade-off curve">
<rect x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}" fill="none" stroke="#999"/>
${TICKS.map(tick)}
<text x="${LEFT + SIDE / 2}" y="${height - 6}" text-anchor="middle">benign sessions interrupted</text>
<text x="12" y="${TOP + SIDE / 2}" text-anchor="middle" transform="rotate(-90 12 ${TOP + SIDE / 2})">attacks stopped</text>
${curves.map(drawOne)}
</svg>`;
}

function tick(share: number): Markup {
  const percent = `${Math.round(share * 100)} %`;
  return html`<line x1="${x(share)}" y1="${y(0)}" x2="${x(share)}" y2="${y(1)}" stroke="#e4e4e4"/><line x1="${x(0)}" y1="${y(share)}" x2="${x(1)}" y2="${y(share)}" stroke="#e4e4e4"/><text x="${x(share)}" y="${TOP + SIDE + 16}" text-anchor="middle">${percent}</text><text x="${LEFT - 6}" y="${Number(y(share)) + 4}" text-anchor="end">${percent}</text>
`;
}

function drawOne({ name, points, gate }: NamedCurve, index: number): Markup {
  const colour = COLOURS[index % COLOURS.length] ?? '#000';
  const at = TOP + 14 + index * 20;
  const left = LEFT + SIDE + 16;
  const place = ({ interrupted, stopped }: Pick<Point, 'interrupted' | 'stopped'>): string =>
    `${x(interrupted)},${y(stopped)}`;
  return html`<polyline points="${points.map(place).join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>
${points.map((point) => html`<circle cx="${x(point.interrupted)}" cy="${y(point.stopped)}" r="2.5" fill="${colour}"><title>${name}: score at least ${point.threshold.toFixed(2)}</title></circle>`)}
<circle cx="${x(gate.interrupted)}" cy="${y(gate.stopped)}" r="6" fill="none" stroke="${colour}" stroke-width="2"><title>${name}: the policy's own gates</title></circle>
<rect x="${left}" y="${at - 9}" width="12" height="10" fill="${colour}"/><text x="${left + 18}" y="${at}">${name}</text>
`;
}
