/**
 * Reading a section of the config file: every failure names the dotted key, and unknown keys refuse to start.
 */
export type Section = Readonly<Record<string, unknown>>;

/** @throws Error naming the first key of `value` that is not in `known`, or `path` when it is no object. */
export function readSection(value: unknown, path: string, known: readonly string[]): Section {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`\`${path}\` must be an object`);
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) throw new Error(`\`${path}.${key}\` is not a known key`);
  }
  return value as Section;
}

export function readList(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`\`${path}\` must be a list`);
  return value;
}

export function readText(value: unknown, path: string): string {
  if (typeof value !== 'string' || value === '') throw new Error(`\`${path}\` must be a non-empty string`);
  return value;
}

export function readFlag(value: unknown, path: string): boolean {
  if (value === undefined) return false;
  if (typeof value !== 'boolean') throw new Error(`\`${path}\` must be true or false`);
  return value;
}

/** A whole number within `least`…`most`. */
export function readWhole(value: unknown, path: string, range: { least: number; most: number }): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < range.least || value > range.most)
    throw new Error(`\`${path}\` must be a whole number from ${range.least} to ${range.most}`);
  return value;
}
