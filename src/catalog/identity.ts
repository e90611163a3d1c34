import type { ArgumentType, Resource } from '../model/catalog.ts';
import { isJsonObject, type JsonValue, quoteJson } from '../model/json.ts';
import { foldText } from '../model/text.ts';
import { exactText } from './argument.ts';

/**
 * The canonical form of one argument in an action's identity; undefined where it says nothing (absent, null,
 * blank, empty), so that adding an empty argument makes no new act. Lists count as sets: the order of
 * recipients, or naming one twice, changes nothing. Decimals have been checked before. Look-alike letters of other
 * scripts stay different.
 */
export function identityValue(
  value: JsonValue | undefined,
  type: ArgumentType | undefined,
): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') {
    if (type === 'decimal') return exactText(value);
    const text = foldText(value);
    return text === '' ? undefined : quoteJson(text);
  }
  if (typeof value === 'number') return Object.is(value, -0) ? '0' : String(value);
  if (typeof value === 'boolean') return String(value);
  if (isJsonObject(value)) return identityObject(value);
  const items = (value as readonly JsonValue[]).map((item) => identityValue(item, undefined) ?? 'null');
  const set = type === 'string_list' ? [...new Set(items)].filter((item) => item !== 'null').sort() : items;
  return set.length === 0 ? undefined : `[${set.join(',')}]`;
}

/** `,"type","id"`, folded as the arguments are. */
export function resourceIdentity({ type, id }: Resource): string {
  return `,${quoteJson(foldText(type))},${quoteJson(foldText(id))}`;
}

/** Names are folded as values are; two that become one both stay, in the order of their values, and say it once if they agree. */
function identityObject(object: { readonly [name: string]: JsonValue }): string | undefined {
  const members: { readonly name: string; readonly text: string }[] = [];
  for (const [name, value] of Object.entries(object)) {
    const text = identityValue(value, undefined);
    if (text !== undefined) members.push({ name: foldText(name), text });
  }
  members.sort((a, b) => compare(a.name, b.name) || compare(a.text, b.text));
  const said = new Set(members.map(({ name, text }) => `${quoteJson(name)}:${text}`));
  return said.size === 0 ? undefined : `{${[...said].join(',')}}`;
}

/** By UTF-16 units. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
