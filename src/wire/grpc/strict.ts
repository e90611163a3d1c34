import { isUtf8 } from 'node:buffer';
import {
  type DescField,
  type DescMessage,
  fromBinary,
  type MessageShape,
  ScalarType,
} from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { Malformed } from '../../model/refusal.ts';

/**
 * Decodes a request, refusing whatever two readers could take differently or one of them could overlook: a
 * singular field or a oneof given twice (the library merges, or lets the last win), a field that this server
 * does not know (a newer caller's restriction must not fall away unnoticed), wrong wire types, numbers wider
 * than their field or negative (no field of ours is), duplicate map keys, bytes that are not UTF-8.
 * @param whole how errors name the message itself
 * @throws Malformed naming the field, as far as it could be read
 */
export function decodeStrictly<D extends DescMessage>(
  schema: D,
  bytes: Uint8Array,
  whole = 'request',
): MessageShape<D> {
  checkMessage(schema, bytes, { whole, texts: false });
  try {
    return fromBinary(schema, bytes);
  } catch {
    // The library refuses texts that are not UTF-8 without naming them: look again, now that it matters.
    checkMessage(schema, bytes, { whole, texts: true });
    throw new Malformed(whole, UNREADABLE);
  }
}

function checkMessage(schema: DescMessage, bytes: Uint8Array, how: { whole: string; texts: boolean }): void {
  const check = new Check(bytes, how.texts);
  try {
    check.message(shapeOf(schema), bytes.length);
  } catch (cause) {
    if (cause instanceof Malformed) throw cause;
    // Past the end, or a varint without one: the trail tells how far the reading came.
    throw new Malformed(check.trail.length === 0 ? how.whole : check.trail.join('.'), UNREADABLE);
  }
}

/** The messages in the repeated (or only) field 1, undecoded, so that one bad message spoils no other. */
export function splitMessages(bytes: Uint8Array, field: string): readonly Uint8Array[] {
  const reader = new BinaryReader(bytes);
  const parts: Uint8Array[] = [];
  try {
    while (reader.pos < bytes.length) {
      const [number, wire] = reader.tag();
      if (number !== 1) throw new Malformed(`#${number}`, UNKNOWN);
      if (wire !== WireType.LengthDelimited) throw new Malformed(field, WRONG_TYPE);
      parts.push(reader.bytes());
    }
  } catch (cause) {
    if (cause instanceof Malformed) throw cause;
    throw new Malformed('request', UNREADABLE);
  }
  return parts;
}

/**
 * The text in one field of a message that may be broken everywhere else; empty when it cannot be read.
 * @param path the numbers of the fields that lead to it
 */
export function peekText(bytes: Uint8Array, path: readonly number[] = [1]): string {
  const [field, ...inner] = path;
  const reader = new BinaryReader(bytes);
  try {
    while (reader.pos < bytes.length) {
      const [number, wire] = reader.tag();
      if (number === field && wire === WireType.LengthDelimited)
        return inner.length === 0 ? reader.string(true) : peekText(reader.bytes(), inner);
      reader.skip(wire, number);
    }
  } catch {
    // Broken before it: the status that follows says so, only without what was looked for.
  }
  return '';
}

const UNKNOWN = 'is a field that this server does not know';
const UNREADABLE = 'cannot be read as protobuf';
const WRONG_TYPE = 'has another type on the wire than in the contract';

/** A tag is a uint32: past it, one reader would cut what another refuses. */
const MAX_TAG = 0xffff_ffff;

interface Rule {
  readonly name: string;
  readonly wire: WireType;
  /** The bit of a field that may come once; members of a oneof share theirs; 0 for lists and maps. */
  readonly once: number;
  readonly group: string | undefined;
  /** Largest value of a varint. */
  readonly most: number;
  readonly text: boolean;
  readonly map: boolean;
  readonly child: Shape | undefined;
}
/** Rules by field number. */
type Shape = readonly (Rule | undefined)[];

/**
 * One pass over the bytes before the library's, without an object a field: the library's own reader took three
 * times as long for the same pass.
 */
class Check {
  readonly trail: string[] = [];
  private readonly bytes: Uint8Array;
  private readonly texts: boolean;
  private at = 0;

  constructor(bytes: Uint8Array, texts: boolean) {
    this.bytes = bytes;
    this.texts = texts;
  }

  message(shape: Shape, end: number): void {
    let seen = 0;
    let repeated: Repeated | undefined;
    while (this.at < end) {
      const tag = this.varint();
      const rule = tag > MAX_TAG ? undefined : shape[tag >>> 3];
      if (rule === undefined) {
        if (tag > MAX_TAG || tag < 8) throw new RangeError('no tag');
        throw this.refusal(`#${tag >>> 3}`, UNKNOWN);
      }
      if ((tag & 7) !== rule.wire) throw this.refusal(rule.name, WRONG_TYPE);
      if ((seen & rule.once) !== 0) throw this.refusal(rule.group ?? rule.name, 'is given more than once');
      seen |= rule.once;
      if (rule.wire === WireType.Varint) {
        if (this.varint() > rule.most) throw this.refusal(rule.name, 'is out of range');
        continue;
      }
      if (rule.once === 0) repeated ??= { counts: undefined, keys: undefined };
      this.trail.push(rule.once === 0 && !rule.map ? `${rule.name}[${count(repeated, rule)}]` : rule.name);
      this.delimited(rule, end, repeated);
      this.trail.pop();
    }
  }

  private delimited(rule: Rule, end: number, repeated: Repeated | undefined): void {
    const length = this.varint();
    const start = this.at;
    const stop = start + length;
    if (stop > end) throw new RangeError('longer than what holds it');
    if (rule.child !== undefined) this.message(rule.child, stop);
    else if (rule.text && this.texts && !isUtf8(this.bytes.subarray(start, stop)))
      throw new Malformed(this.trail.join('.'), 'is not utf-8');
    if (rule.map && repeated !== undefined) this.distinct(rule, repeated, this.bytes.subarray(start, stop));
    this.at = stop;
  }

  /** Exact up to 2^53, which is past every bound that it is compared to but the last. */
  private varint(): number {
    const { bytes } = this;
    let value = 0;
    for (let scale = 1; scale < 2 ** 70; scale *= 128) {
      const byte = bytes[this.at];
      if (byte === undefined) throw new RangeError('past the end');
      this.at += 1;
      if (byte < 128) return value + byte * scale;
      value += (byte - 128) * scale;
    }
    throw new RangeError('a varint without an end');
  }

  private distinct(rule: Rule, repeated: Repeated, entry: Uint8Array): void {
    const key = `${rule.name} ${peekText(entry)}`;
    repeated.keys ??= new Set();
    if (repeated.keys.has(key)) throw new Malformed(this.trail.join('.'), 'has a key twice');
    repeated.keys.add(key);
  }

  private refusal(name: string, problem: string): Malformed {
    return new Malformed([...this.trail, name].join('.'), problem);
  }
}

/** What a message has to remember of its lists and maps; most have neither. */
interface Repeated {
  counts: Map<Rule, number> | undefined;
  keys: Set<string> | undefined;
}

/** Index of the next item of a list. */
function count(repeated: Repeated | undefined, rule: Rule): number {
  if (repeated === undefined) return 0;
  repeated.counts ??= new Map();
  const index = repeated.counts.get(rule) ?? 0;
  repeated.counts.set(rule, index + 1);
  return index;
}

const shapes = new Map<DescMessage, Shape>();

/** Derived once from the contract, so that a field added there needs nothing here. */
function shapeOf(schema: DescMessage): Shape {
  const known = shapes.get(schema);
  if (known !== undefined) return known;
  const bits = new Map<object, number>();
  const rules: (Rule | undefined)[] = [];
  for (const field of schema.fields) {
    const single = field.fieldKind !== 'list' && field.fieldKind !== 'map';
    const owner = field.oneof ?? field;
    if (single && !bits.has(owner)) bits.set(owner, 1 << bits.size);
    rules[field.number] = ruleOf(field, single ? (bits.get(owner) ?? 0) : 0);
  }
  // Bits of one number: past them, a field could come twice unnoticed.
  if (bits.size > 31) throw new TypeError(`${schema.typeName} has too many fields`);
  shapes.set(schema, rules);
  return rules;
}

function ruleOf(field: DescField, once: number): Rule {
  const rule = { name: field.name, once, group: field.oneof?.name, most: 0, text: false, map: false };
  const delimited = { ...rule, wire: WireType.LengthDelimited, child: undefined };
  if (field.fieldKind === 'map' && field.mapKind === 'scalar' && field.scalar === ScalarType.STRING)
    return { ...delimited, map: true, child: MAP_ENTRY };
  if (field.fieldKind === 'message') return { ...delimited, child: shapeOf(field.message) };
  if (field.fieldKind === 'enum') return { ...rule, wire: WireType.Varint, child: undefined, most: INT32 };
  if (field.fieldKind === 'list' && field.listKind === 'scalar' && field.scalar === ScalarType.STRING)
    return { ...delimited, text: true };
  const most = field.fieldKind === 'scalar' ? WIDEST[field.scalar] : undefined;
  if (most !== undefined) return { ...rule, wire: WireType.Varint, child: undefined, most };
  if (field.fieldKind === 'scalar' && field.scalar === ScalarType.STRING) return { ...delimited, text: true };
  if (field.fieldKind === 'scalar' && field.scalar === ScalarType.BYTES) return delimited;
  // Refused at the first use, not passed unchecked: no request has such a field today.
  throw new TypeError(`${field} is of a kind that is not checked`);
}

const INT32 = 0x7fff_ffff;
const WIDEST: Partial<Record<ScalarType, number>> = {
  [ScalarType.BOOL]: 1,
  [ScalarType.INT32]: INT32,
  [ScalarType.UINT32]: 0xffff_ffff,
  // Half of what fits: a double cannot tell 2^63 from its neighbours, and no time of ours comes near.
  [ScalarType.INT64]: 2 ** 62,
  [ScalarType.UINT64]: 2 ** 64,
};

const TEXT_FIELD = {
  wire: WireType.LengthDelimited,
  group: undefined,
  most: 0,
  text: true,
  map: false,
  child: undefined,
};
const MAP_ENTRY: Shape = [
  undefined,
  { ...TEXT_FIELD, name: 'key', once: 1 },
  { ...TEXT_FIELD, name: 'value', once: 2 },
];
