import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type {
  MandateSchema,
  Identity as WireIdentity,
  Mandate as WireMandate,
} from '../../gen/assent/v1/mandate_pb.js';
import { parseDecimal } from '../../model/decimal.ts';
import { isPlainText, MAX_ID, MAX_ISSUER } from '../../model/identity.ts';
import type { Identity, Mandate } from '../../model/mandate.ts';
import { isActionPattern } from '../../model/pattern.ts';
import { Malformed } from '../../model/refusal.ts';
import {
  atMostBytes,
  ID_FORM,
  isId,
  KIB,
  plainTextProblem,
  required,
  requireId,
  timestampMs,
} from './fields.ts';

const MAX_PURPOSE = 16 * KIB;
const MAX_ACTIONS = 64;
const MAX_DECLARED = 64;
const MAX_DECLARED_NAME = 128;
const MAX_DECLARED_VALUE = KIB;
const MAX_LIMITS = 16;
const MAX_LIFE_MS = 30 * 24 * 3600 * 1000;

/**
 * A mandate as the contract's comments describe it. One that has ended is read all the same: an open-if-absent
 * ask repeats its mandate to the end of the session and beyond.
 * @param at Unix ms, from which the 30 days count
 * @throws Malformed naming the field below `field`
 */
export function decodeMandate(wire: WireMandate | undefined, field: string, at: number): Mandate {
  const mandate = required(wire, field);
  const expiresAt = timestampMs(required(mandate.expireTime, `${field}.expire_time`), `${field}.expire_time`);
  if (expiresAt > at + MAX_LIFE_MS)
    throw new Malformed(`${field}.expire_time`, 'is more than 30 days from now');
  return {
    taskType: requireId(mandate.taskType, `${field}.task_type`),
    purpose: atMostBytes(mandate.purpose, `${field}.purpose`, MAX_PURPOSE),
    actions: decodeActions(mandate.actions, `${field}.actions`),
    declared: decodeDeclared(mandate.declared, `${field}.declared`),
    limits: decodeLimits(mandate.limits, `${field}.limits`),
    expiresAt,
    ...(mandate.subject && { subject: decodeIdentity(mandate.subject, `${field}.subject`) }),
    ...(mandate.actor && { actor: decodeIdentity(mandate.actor, `${field}.actor`) }),
  };
}

/** For opening and amending: a mandate that has already ended opens nothing. */
export function decodeLiveMandate(wire: WireMandate | undefined, field: string, at: number): Mandate {
  const mandate = decodeMandate(wire, field, at);
  if (mandate.expiresAt <= at) throw new Malformed(`${field}.expire_time`, 'is not in the future');
  return mandate;
}

function decodeActions(actions: readonly string[], field: string): readonly string[] {
  if (actions.length === 0) throw new Malformed(field, 'is required');
  if (actions.length > MAX_ACTIONS) throw new Malformed(field, `has more than ${MAX_ACTIONS} items`);
  actions.forEach((pattern, index) => {
    if (!isActionPattern(pattern))
      throw new Malformed(`${field}[${index}]`, 'must be an action, `prefix.*` or `*`');
  });
  return actions;
}

function decodeDeclared(
  entries: Readonly<Record<string, string>>,
  field: string,
): Readonly<Record<string, string>> {
  return decodeMap(entries, field, MAX_DECLARED, (name, value) => {
    if (name === '') throw new Malformed(field, 'has an empty name');
    const problem = plainTextProblem(name, MAX_DECLARED_NAME);
    if (problem !== undefined) throw new Malformed(field, `has a name that ${problem}`);
    atMostBytes(value, `${field}.${name}`, MAX_DECLARED_VALUE);
  });
}

function decodeLimits(
  entries: Readonly<Record<string, string>>,
  field: string,
): Readonly<Record<string, string>> {
  return decodeMap(entries, field, MAX_LIMITS, (name, value) => {
    if (!isId(name)) throw new Malformed(field, `has a name that is not 1 to ${ID_FORM}`);
    const amount = parseDecimal(value);
    if (amount === undefined || amount.units < 0n)
      throw new Malformed(`${field}.${name}`, 'must be a decimal such as `120.50`, not negative');
  });
}

function decodeMap(
  entries: Readonly<Record<string, string>>,
  field: string,
  most: number,
  check: (name: string, value: string) => void,
): Readonly<Record<string, string>> {
  const names = Object.keys(entries);
  if (names.length > most) throw new Malformed(field, `has more than ${most} entries`);
  // Without a prototype, as everywhere that names come from outside.
  const map: Record<string, string> = Object.create(null);
  for (const name of names) {
    if (name === '__proto__') throw new Malformed(field, 'has a reserved name');
    const value = entries[name] ?? '';
    check(name, value);
    map[name] = value;
  }
  return map;
}

function decodeIdentity({ issuer, id }: WireIdentity, field: string): Identity {
  if (!isPlainText(issuer, MAX_ISSUER))
    throw new Malformed(`${field}.issuer`, `must be 1 to ${MAX_ISSUER} characters, all visible`);
  if (!isPlainText(id, MAX_ID))
    throw new Malformed(`${field}.id`, `must be 1 to ${MAX_ID} characters, all visible`);
  return { iss: issuer, id };
}

export function encodeMandate(mandate: Mandate): MessageInitShape<typeof MandateSchema> {
  const { subject, actor } = mandate;
  return {
    taskType: mandate.taskType,
    purpose: mandate.purpose,
    actions: [...mandate.actions],
    declared: { ...mandate.declared },
    limits: { ...mandate.limits },
    expireTime: timestampFromMs(mandate.expiresAt),
    ...(subject && { subject: { issuer: subject.iss, id: subject.id } }),
    ...(actor && { actor: { issuer: actor.iss, id: actor.id } }),
  };
}
