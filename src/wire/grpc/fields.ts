/** One field of a request each: the caps and alphabets that the contract's comments promise. */
import type { Duration, Timestamp } from '@bufbuild/protobuf/wkt';
import { isJsonObject, JsonError, type JsonObject, type JsonValue, parseJson } from '../../model/json.ts';
import { Malformed } from '../../model/refusal.ts';
import type { Page } from '../../model/verbs.ts';

export const KIB = 1024;
export const MIB = 1024 * KIB;
/** Nesting of every JSON value on the wire. */
const MAX_DEPTH = 32;
const MAX_PAGE = 200;
const DEFAULT_PAGE = 50;

const ID = /^[A-Za-z0-9._:/@+=~-]{1,128}$/;
// Version 7 and the variant of RFC 9562 §5.7, lower case only: one spelling for one id.
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const CONTROL = /\p{Cc}/u;

export function isUuidV7(text: string): boolean {
  return UUID_V7.test(text);
}

export function isId(text: string): boolean {
  return ID.test(text);
}

/** How long an id is at most, and of what: for whoever wrote none. */
export const ID_FORM = '128 of `A-Z a-z 0-9 . _ : / @ + = ~ -`';

/** @throws Malformed when empty, too long or outside the alphabet of ids */
export function requireId(text: string, field: string): string {
  if (text === '') throw new Malformed(field, 'is required');
  if (!isId(text)) throw new Malformed(field, `must be at most ${ID_FORM}`);
  return text;
}

/** The same, where an empty field means that there is none. */
export function optionalId(text: string, field: string): string {
  return text === '' ? '' : requireId(text, field);
}

/** Free text of at most `most` UTF-16 units without control characters; may be empty. */
export function plainText(text: string, field: string, most: number): string {
  const problem = plainTextProblem(text, most);
  if (problem !== undefined) throw new Malformed(field, problem);
  return text;
}

/** Why it is no such text; undefined: it is. */
export function plainTextProblem(text: string, most: number): string | undefined {
  if (text.length > most) return `is longer than ${most} characters`;
  return CONTROL.test(text) ? 'holds a control character' : undefined;
}

/** @throws Malformed when `text` takes more than `most` bytes of UTF-8 */
export function atMostBytes(text: string, field: string, most: number): string {
  // Three bytes a unit is the worst UTF-8 can do: most texts need no counting.
  if (text.length * 3 > most && Buffer.byteLength(text) > most)
    throw new Malformed(field, `is larger than ${sizeName(most)}`);
  return text;
}

export function requireText(text: string, field: string, most: number): string {
  if (text === '') throw new Malformed(field, 'is required');
  return atMostBytes(text, field, most);
}

export function required<T>(value: T | undefined, field: string): T {
  if (value === undefined) throw new Malformed(field, 'is required');
  return value;
}

/** @throws Malformed with the path inside the value, such as `action.arguments_json.items[2]` */
export function jsonValue(bytes: Uint8Array, field: string, most: number): JsonValue {
  if (bytes.length > most) throw new Malformed(field, `is larger than ${sizeName(most)}`);
  try {
    return parseJson(bytes, { maxDepth: MAX_DEPTH });
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause;
    const { path } = cause;
    throw new Malformed(
      path === '' || path.startsWith('[') ? field + path : `${field}.${path}`,
      cause.message,
    );
  }
}

const NOTHING: JsonObject = Object.freeze(Object.create(null));

/** A JSON object; no bytes are an empty one. */
export function jsonObject(bytes: Uint8Array, field: string, most: number): JsonObject {
  if (bytes.length === 0) return NOTHING;
  const value = jsonValue(bytes, field, most);
  if (!isJsonObject(value)) throw new Malformed(field, 'must be a json object');
  return value;
}

/** Milliseconds, more than 0 and at most `mostMs`; parts of a millisecond are rounded up. */
export function durationMs(duration: Duration, field: string, mostMs: number): number {
  const { seconds, nanos } = duration;
  if (nanos > 999_999_999) throw new Malformed(`${field}.nanos`, 'is out of range');
  // The bound goes first: past it, a number would be inexact.
  const ms =
    seconds > 1_000_000n ? Number.POSITIVE_INFINITY : Number(seconds) * 1000 + Math.ceil(nanos / 1e6);
  if (ms <= 0 || ms > mostMs)
    throw new Malformed(field, `must be more than 0 and at most ${mostMs / 1000} s`);
  return ms;
}

// 9999-12-31T23:59:59Z, the last second that a Timestamp may hold.
const LAST_SECOND = 253_402_300_799n;

/** Unix ms; parts of a millisecond are cut, so that an end comes no later than it was asked for. */
export function timestampMs({ seconds, nanos }: Timestamp, field: string): number {
  if (seconds > LAST_SECOND) throw new Malformed(`${field}.seconds`, 'is out of range');
  if (nanos > 999_999_999) throw new Malformed(`${field}.nanos`, 'is out of range');
  return Number(seconds) * 1000 + Math.floor(nanos / 1e6);
}

/** Larger pages are cut to the largest (AIP-158), never refused. */
export function page(request: { pageSize: number; pageToken: string }): Page {
  const { pageSize, pageToken } = request;
  return {
    size: pageSize === 0 ? DEFAULT_PAGE : Math.min(pageSize, MAX_PAGE),
    token: pageToken === '' ? '' : plainText(atMostBytes(pageToken, 'page_token', KIB), 'page_token', KIB),
  };
}

export function sizeName(bytes: number): string {
  return bytes % MIB === 0 ? `${bytes / MIB} MiB` : `${bytes / KIB} KiB`;
}
