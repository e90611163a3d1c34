import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type Timestamp, timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { type Mandate as MandateMessage, MandateSchema } from '../gen/assent/v1/mandate_pb.js';
import type { Identity, Mandate } from '../model/mandate.ts';
import { wrongField } from './failure.ts';

/** What a session is for. `expiresAt` in Unix ms; amounts in `limits` are decimal strings. */
export type MandateInput = Pick<Mandate, 'taskType' | 'actions' | 'expiresAt'> &
  Partial<Pick<Mandate, 'purpose' | 'declared' | 'limits' | 'subject' | 'actor'>>;

/** The last moment that a timestamp can name: the end of the year 9999. */
const LAST_MS = 253_402_300_799_999;

/** @throws AssentError naming the first field that holds something else than its type: plain JavaScript may */
export function mandateMessage(mandate: MandateInput): MandateMessage {
  checkMandate(mandate);
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

function checkMandate(mandate: unknown): void {
  if (!isObject(mandate)) throw wrongField('mandate', 'is not an object');
  const { taskType, purpose, actions, declared, limits, expiresAt, subject, actor } = mandate;
  const must = (holds: boolean, name: string, what: string): void => {
    if (!holds) throw wrongField(`mandate.${name}`, `is not ${what}`);
  };
  must(isText(taskType), 'taskType', 'a string');
  must(purpose === undefined || isText(purpose), 'purpose', 'a string');
  must(Array.isArray(actions) && actions.every(isText), 'actions', 'a list of strings');
  for (const [name, texts] of Object.entries({ declared, limits }))
    must(
      texts === undefined || (isObject(texts) && Object.values(texts).every(isText)),
      name,
      'an object of strings',
    );
  must(
    typeof expiresAt === 'number' && expiresAt >= 0 && expiresAt <= LAST_MS,
    'expiresAt',
    'a time in Unix ms',
  );
  for (const [name, who] of Object.entries({ subject, actor }))
    must(
      who === undefined || (isObject(who) && isText(who['iss']) && isText(who['id'])),
      name,
      'an object with the strings `iss` and `id`',
    );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
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
