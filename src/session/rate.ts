/** How often something happened of late. Immutable; pairs of slot and count, oldest first. */
export interface Rate {
  /** Slots of 100 ms over the last second. */
  readonly tenths: readonly number[];
  /** Slots of a second over the last minute. */
  readonly seconds: readonly number[];
}

export const NEVER: Rate = { tenths: [], seconds: [] };

/** @param at Unix ms; a clock that went back counts into the newest slot */
export function bumpRate(rate: Rate, at: number): Rate {
  return {
    tenths: bump(rate.tenths, Math.floor(at / 100), 10),
    seconds: bump(rate.seconds, Math.floor(at / 1000), 60),
  };
}

/** Never counts too few: the oldest slot counts whole. */
export function readRate(rate: Rate, at: number): { readonly perSecond: number; readonly perMinute: number } {
  return {
    perSecond: total(rate.tenths, Math.floor(at / 100) - 10),
    perMinute: total(rate.seconds, Math.floor(at / 1000) - 60),
  };
}

function bump(slots: readonly number[], slot: number, span: number): readonly number[] {
  const newest = slots.at(-2) ?? Number.NEGATIVE_INFINITY;
  if (slot <= newest) return [...slots.slice(0, -1), (slots.at(-1) ?? 0) + 1];
  let start = 0;
  while (start < slots.length && (slots[start] ?? 0) < slot - span) start += 2;
  return [...(start === 0 ? slots : slots.slice(start)), slot, 1];
}

function total(slots: readonly number[], oldest: number): number {
  let sum = 0;
  for (let i = slots.length - 2; i >= 0 && (slots[i] ?? 0) >= oldest; i -= 2) sum += slots[i + 1] ?? 0;
  return sum;
}
