/** Outputs of the traces are text: JSON, YAML or what Python prints. An enforcement point would have had the values. */
import { parse } from 'yaml';

/** Longer texts than this are left as text: parsing them costs more than a judge has time for. */
const MAX_YAML = 512 * 1024;

/** @returns the value where the text is the printed form of an object or list; else the text itself */
export function readPrinted(output: unknown): unknown {
  if (typeof output !== 'string') return output;
  const text = output.trim();
  for (const read of [JSON.parse, fromPython, fromYaml]) {
    try {
      const value: unknown = read(text);
      if (typeof value === 'object' && value !== null) return value;
    } catch {
      // Not of this form: the next one is tried, and what is of none is plain text.
    }
  }
  return output;
}

/** Aliases are text like any other here: a short document must not grow. */
function fromYaml(text: string): unknown {
  if (text.length > MAX_YAML) throw new Error('too long');
  return parse(text, { logLevel: 'error', schema: 'core', maxAliasCount: 0 });
}

/** Strings as `repr` quotes them. */
const QUOTED = /'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/gs;
const ESCAPED = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/gs;
const CONTROLS: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', '0': '\0' };

/** `repr` of dicts, lists, tuples, strings, numbers, True, False and None. */
function fromPython(text: string): unknown {
  if (!/^[[{(]/.test(text)) throw new Error('no Python literal');
  const strings: string[] = [];
  const bare = text.replace(QUOTED, (_, single?: string, double?: string) => {
    strings.push(plain(single ?? double ?? ''));
    return `"\u0001${strings.length - 1}"`;
  });
  const json = bare
    .replace(/\(/g, '[')
    .replace(/,?\s*\)/g, ']')
    .replace(/\bNone\b/g, 'null')
    .replace(/\bTrue\b/g, 'true')
    .replace(/\bFalse\b/g, 'false');
  return restore(JSON.parse(json.replaceAll('\u0001', '\\u0001')), strings);
}

function plain(text: string): string {
  return text.replace(ESCAPED, (written, x?: string, u?: string, long?: string, one?: string) => {
    const code = Number.parseInt(x ?? u ?? long ?? '', 16);
    if (!Number.isNaN(code)) return code <= 0x10_ffff ? String.fromCodePoint(code) : written;
    return CONTROLS[one ?? ''] ?? one ?? '';
  });
}

/** Puts strings back, as values and as names of members. */
function restore(value: unknown, strings: readonly string[]): unknown {
  const text = (mark: string): string => strings[Number(mark.slice(1))] ?? '';
  if (typeof value === 'string') return text(value);
  if (Array.isArray(value)) return value.map((item) => restore(item, strings));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [text(name), restore(item, strings)]),
  );
}
