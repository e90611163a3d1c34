/** The standard normal's 97.5 % quantile: intervals of 95 %. */
const Z = 1.959963984540054;

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * The score interval of a proportion (Wilson 1927), 95 %, without a correction for continuity: it has its nominal
 * coverage near 0 and 1 too, where most of our proportions are. Of nothing seen, everything is possible.
 * @throws RangeError unless 0 ≤ hits ≤ of, both whole
 */
export function wilson(hits: number, of: number): Interval {
  if (!Number.isSafeInteger(hits) || !Number.isSafeInteger(of) || hits < 0 || hits > of)
    throw new RangeError('hits and trials are whole numbers, and no more hits than trials');
  if (of === 0) return { low: 0, high: 1 };
  const p = hits / of;
  const scale = 1 + (Z * Z) / of;
  const centre = (p + (Z * Z) / (2 * of)) / scale;
  const half = (Z / scale) * Math.sqrt((p * (1 - p)) / of + (Z * Z) / (4 * of * of));
  // At the ends the formula is exact on paper only.
  return { low: hits === 0 ? 0 : centre - half, high: hits === of ? 1 : centre + half };
}
