import { quoteJson } from '../model/json.ts';

/** Where one member of a canonical JSON object stands: its value is `text.slice(start, end)`. */
export interface Member {
  /** The name as a JSON literal, quotes included. */
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

const QUOTE = 34;
const BACKSLASH = 92;

/**
 * The members of a canonical JSON object, found without parsing it: records splice texts that are canonical
 * already, and parsing one to write it again costs ten times as much.
 */
export function membersOf(text: string): readonly Member[] {
  const members: Member[] = [];
  let at = 1;
  while (text.charCodeAt(at) === QUOTE) {
    const nameEnd = endOfString(text, at);
    const start = nameEnd + 1;
    const end = endOfValue(text, start);
    members.push({ name: text.slice(at, nameEnd), start, end });
    at = end + 1;
  }
  return members;
}

/** One member; undefined where there is none. Stops where it stands, so early names are cheap to find. */
export function findMember(text: string, name: string): Member | undefined {
  const literal = quoteJson(name);
  let at = 1;
  while (text.charCodeAt(at) === QUOTE) {
    const start = endOfString(text, at) + 1;
    const end = endOfValue(text, start);
    if (start - 1 - at === literal.length && text.startsWith(literal, at))
      return { name: literal, start, end };
    at = end + 1;
  }
  return undefined;
}

/** The text of one member's value; undefined where there is none. */
export function memberOf(text: string, name: string): string | undefined {
  const member = findMember(text, name);
  return member === undefined ? undefined : text.slice(member.start, member.end);
}

/** The object with some values replaced: `change` returns the new text, or undefined to keep the old. */
export function replaceMembers(
  text: string,
  change: (nameLiteral: string, value: string) => string | undefined,
): string {
  let out = '';
  let copied = 0;
  for (const { name, start, end } of membersOf(text)) {
    const value = change(name, text.slice(start, end));
    if (value === undefined) continue;
    out += text.slice(copied, start) + value;
    copied = end;
  }
  return out + text.slice(copied);
}

/** A canonical JSON value, with every value in it that `change` has a new text for replaced; the outermost first. */
export function replaceValues(text: string, change: (value: string) => string | undefined): string {
  const changed = change(text);
  if (changed !== undefined) return changed;
  if (text.startsWith('{')) return replaceMembers(text, (_, value) => replaceValues(value, change));
  if (!text.startsWith('[')) return text;
  let items = '';
  for (let at = 1; at < text.length - 1; ) {
    const end = endOfValue(text, at);
    items += `${at === 1 ? '' : ','}${replaceValues(text.slice(at, end), change)}`;
    at = end + 1;
  }
  return `[${items}]`;
}

/** The offset after the closing quote. */
function endOfString(text: string, at: number): number {
  let end = text.indexOf('"', at + 1);
  while (end !== -1 && escaped(text, end)) end = text.indexOf('"', end + 1);
  return end === -1 ? text.length : end + 1;
}

function escaped(text: string, quote: number): boolean {
  let slashes = 0;
  while (text.charCodeAt(quote - 1 - slashes) === BACKSLASH) slashes += 1;
  return slashes % 2 === 1;
}

function endOfValue(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === QUOTE) return endOfString(text, start);
  if (first !== 123 && first !== 91) return endOfWord(text, start);
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const c = text.charCodeAt(at);
    if (c === QUOTE) {
      at = endOfString(text, at);
      continue;
    }
    if (c === 123 || c === 91) depth += 1;
    if (c === 125 || c === 93) depth -= 1;
    at += 1;
    if (depth === 0) break;
  }
  return at;
}

function endOfWord(text: string, start: number): number {
  let at = start;
  for (; at < text.length; at += 1) {
    const c = text.charCodeAt(at);
    if (c === 44 || c === 125 || c === 93) break;
  }
  return at;
}
