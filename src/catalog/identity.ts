import type { ArgumentType, Resource } from '../model/catalog.ts';
import { isJsonObject, type JsonValue, quoteJson } from '../model/json.ts';
import { foldText } from '../model/text.ts';
import { exactText } from './argument.ts';

/**
 * The canonical form of one argument in an action's identity; undefined where it says nothing (absent, null,
 * blank, empty), so that adding an empty argument makes no new act. Lists count as sets: the order of
 * recipients, or naming one twice, changes nothing. Decimals have been checked before. Look-alike letters of other scripts stay different.
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

function identityObject(object: { readonly [name: string]: JsonValue }): string | undefined {
  const members: string[] = [];
  for (const name of Object.keys(object).sort()) {
    const text = identityValue(object[name], undefined);
    if (text !== undefined) members.push(`${quoteJson(name)}:${text}`);
  }
  return members.length === 0 ? undefined : `{${members.join(',')}}`;
}
