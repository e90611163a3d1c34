/**
 * Exact decimals for amounts: an integer count of 10^-scale. Sums of money never pass through a double.
 */
export interface Decimal {
  readonly units: bigint;
  readonly scale: number;
}

const FORM = /^(-?)(0|[1-9][0-9]{0,17})(?:\.([0-9]{1,12}))?$/;

/** Reads `120.50`; undefined for anything else: signs other than `-`, exponents, blanks, leading zeros. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = FORM.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = ''] = match;
  const kept = fraction.replace(/0+$/, '');
  const magnitude = BigInt(whole + kept);
  return { units: sign === '-' ? -magnitude : magnitude, scale: kept.length };
}

/** The shortest plain form: no exponent, no trailing zeros, `-0` is `0`. */
export function formatDecimal(value: Decimal): string {
  const negative = value.units < 0n;
  const digits = (negative ? -value.units : value.units).toString().padStart(value.scale + 1, '0');
  const whole = digits.slice(0, digits.length - value.scale);
  const fraction = digits.slice(digits.length - value.scale).replace(/0+$/, '');
  return `${negative ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

export const ZERO: Decimal = { units: 0n, scale: 0 };

export function addDecimal(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return { units: raise(a, scale) + raise(b, scale), scale };
}

export function subtractDecimal(a: Decimal, b: Decimal): Decimal {
  return addDecimal(a, { units: -b.units, scale: b.scale });
}

/** Negative, zero or positive as `a` is less than, equal to or greater than `b`. */
export function compareDecimal(a: Decimal, b: Decimal): number {
  const scale = Math.max(a.scale, b.scale);
  const difference = raise(a, scale) - raise(b, scale);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function raise(value: Decimal, scale: number): bigint {
  return value.units * 10n ** BigInt(scale - value.scale);
}

/** True when a double holds this decimal exactly enough to print the same digits again (15 significant). */
export function isExactNumber(value: Decimal): boolean {
  return (value.units < 0n ? -value.units : value.units) < 10n ** 15n;
}
