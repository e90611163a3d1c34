/**
 * A person's yes, as far as there is a verb for it: the values that were in doubt become the user's own by an amended
 * mandate, and the call is asked again. The session remembers the yes.
 */
import { noteScalars, type Scalars } from '../../src/catalog/scalars.ts';
import type { JsonObject } from '../../src/model/json.ts';

const LINKS = /(?:https?:\/\/|www\.)[^\s<>"'`)\]}]+|[^\s<>"'`()[\]{}:;,]+@[^\s<>"'`()[\]{}:;,]+/g;

/** Values of the arguments whose origin was neither the user nor a trusted record, and the links in texts. */
export function approvedValues(
  args: JsonObject,
  provenance: Readonly<Record<string, string>>,
): readonly string[] {
  const scalars: Scalars = { values: [], weighty: [] };
  for (const [name, value] of Object.entries(args)) noteScalars(scalars, name, value, 'plain');
  return scalars.values.flatMap(({ path, value }) => {
    if (typeof value !== 'string' && typeof value !== 'number') return [];
    const origin = Object.hasOwn(provenance, path) ? provenance[path] : undefined;
    if (origin === 'user' || origin === 'trusted') return [];
    const text = String(value);
    return [text, ...(text.match(LINKS) ?? []).map((link) => link.replace(/[.,;:!?]+$/, ''))];
  });
}
