import type { DraftedEntry } from '../catalog/draft/draft.ts';

/** Longest line of an object that is written on one. */
const WIDTH = 110;

type Entries = ReadonlyMap<string, DraftedEntry>;

/** A catalog file of these entries. */
export function catalogText(entries: Entries): string {
  const body = entries.size === 0 ? '{}' : `{\n${members(entries)}\n  }`;
  return `{\n  "version": 1,\n  "actions": ${body}\n}\n`;
}

/**
 * The catalog file with the entries added behind its own, every character of which stays. Takes the text of a
 * file that `parseCatalog` took, and entries that it does not hold.
 */
export function addToCatalog(text: string, entries: Entries): string {
  if (entries.size === 0) return text;
  const head = text.slice(0, endOfActions(text)).trimEnd();
  const tail = text.slice(head.length);
  const comma = head.endsWith('{') ? '' : ',';
  return `${head}${comma}\n${members(entries)}${/^\s*\n/.test(tail) ? '' : '\n  '}${tail}`;
}

/** Index of the bracket that closes `actions`, the only object in a catalog's outermost. */
function endOfActions(text: string): number {
  let depth = 0;
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}]/g)) {
    if (token === '{') depth += 1;
    else if (token === '}') {
      depth -= 1;
      if (depth === 1) return index;
    }
  }
  throw new Error('the catalog holds no actions');
}

function members(entries: Entries): string {
  return [...entries]
    .map(([name, entry]) => `    ${JSON.stringify(name)}: ${written(entry, 4, false)}`)
    .join(',\n');
}

/** Arguments and fields on a line each, as people write a catalog. */
function written(value: unknown, indent: number, short = true): string {
  const line = oneLine(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return line;
  if (short && line.length + indent <= WIDTH) return line;
  const blanks = ' '.repeat(indent + 2);
  const lines = Object.entries(value).map(
    // Reasons are read one by one, and taken out one by one.
    ([name, member]) => `${blanks}${JSON.stringify(name)}: ${written(member, indent + 2, name !== 'guess')}`,
  );
  return lines.length === 0 ? '{}' : `{\n${lines.join(',\n')}\n${' '.repeat(indent)}}`;
}

function oneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(oneLine).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(
    ([name, member]) => `${JSON.stringify(name)}: ${oneLine(member)}`,
  );
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}
