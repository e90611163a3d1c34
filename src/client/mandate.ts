import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type Timestamp, timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { type Mandate as MandateMessage, MandateSchema } from '../gen/assent/v1/mandate_pb.js';
import type { Identity, Mandate } from '../model/mandate.ts';
import { type Check, demand, object, optional, text, textByName, texts } from './shape.ts';

/** What a session is for. `expiresAt` in Unix ms; amounts in `limits` are decimal strings. */
export type MandateInput = Pick<Mandate, 'taskType' | 'actions' | 'expiresAt'> &
  Partial<Pick<Mandate, 'purpose' | 'declared' | 'limits' | 'subject' | 'actor'>>;

/** The last moment that a timestamp can name: the end of the year 9999. */
const LAST_MS = 253_402_300_799_999;

const WHO = optional(object<Identity>({ iss: text, id: text }));

export const MANDATE: Check = object<MandateInput>({
  taskType: text,
  purpose: optional(text),
  actions: texts,
  declared: optional(textByName),
  limits: optional(textByName),
  expiresAt: (at, field) =>
    typeof at === 'number' && at >= 0 && at <= LAST_MS
      ? undefined
      : { field, problem: 'is not a time in Unix ms' },
  subject: WHO,
  actor: WHO,
});

/** For one that `MANDATE` finds nothing wrong with. */
export function mandateMessage(mandate: MandateInput): MandateMessage {
  const init: MessageInitShape<typeof MandateSchema> = {
    taskType: mandate.taskType,
    purpose: mandate.purpose ?? '',
    actions: [...mandate.actions],
    declared: { ...mandate.declared },
    limits: { ...mandate.limits },
    // Never later than was said.
    expireTime: timestampFromMs(Math.floor(mandate.expiresAt)),
  };
  if (mandate.subject !== undefined) init.subject = { issuer: mandate.subject.iss, id: mandate.subject.id };
  if (mandate.actor !== undefined) init.actor = { issuer: mandate.actor.iss, id: mandate.actor.id };
  return create(MandateSchema, init);
}

/** @throws AssentError naming the first member that cannot be sent */
export function checkedMandate(mandate: MandateInput): MandateMessage {
  demand(MANDATE, mandate, 'mandate');
  return mandateMessage(mandate);
}

export function mandateOf(message: MandateMessage | undefined): Mandate {
  const { subject, actor } = message ?? {};
  return {
    taskType: message?.taskType ?? '',
    purpose: message?.purpose ?? '',
    actions: message?.actions ?? [],
    declared: message?.declared ?? {},
    limits: message?.limits ?? {},
    expiresAt: unixMs(message?.expireTime),
    ...(subject === undefined ? {} : { subject: identityOf(subject) }),
    ...(actor === undefined ? {} : { actor: identityOf(actor) }),
  };
}

function identityOf(message: { readonly issuer: string; readonly id: string }): Identity {
  return { iss: message.issuer, id: message.id };
}

/** Unix ms; 0, which is long past, for a timestamp that is absent. */
export function unixMs(timestamp: Timestamp | undefined): number {
  return timestamp === undefined ? 0 : timestampMs(timestamp);
}
