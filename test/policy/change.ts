import type { JsonValue } from '../../src/model/json.ts';
import type { DataPatch } from '../../src/model/verbs.ts';

/** A change of data as the wire hands it over; undefined takes away. */
export function changeOf(value: JsonValue | undefined, gone: () => boolean = () => false): DataPatch {
  if (value === undefined) return { bytes: 0, read: () => ({ remove: true }), gone };
  return { bytes: Buffer.byteLength(JSON.stringify(value)), read: () => ({ value }), gone };
}
