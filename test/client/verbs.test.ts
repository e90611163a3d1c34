import assert from 'node:assert';
import { create, fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Client, createClient } from '../../src/client/client.ts';
import {
  GetDataResponseSchema,
  PatchDataRequestSchema,
  PatchDataResponseSchema,
  PushBundleRequestSchema,
} from '../../src/gen/assent/v1/policy_pb.js';
import {
  OpenSessionRequestSchema,
  OpenSessionResponseSchema,
  type SessionSchema,
  SessionState,
} from '../../src/gen/assent/v1/session_pb.js';
import { BadRequestSchema, ErrorInfoSchema } from '../../src/gen/google/rpc/error_details_pb.js';
import { StatusSchema } from '../../src/gen/google/rpc/status_pb.js';
import { bytesOf, type Fate, type FaultyWire, faultyWire } from './wire.ts';

const MANDATE = {
  taskType: 'run',
  actions: ['invoice.*'],
  expiresAt: 1_900_000_000_123,
  limits: { payments: '12.50' },
};
let wire: FaultyWire;
let client: Client;
let received: Uint8Array[];

beforeEach(async () => {
  wire = await faultyWire();
  client = createClient({ address: wire.address, key: 'k' });
  received = [];
});
afterEach(() => {
  client.close();
  wire.stop();
});

/** Answers each call with the next fate, and the last one again for all further calls. */
function fated(...fates: Fate[]): void {
  wire.unary = (bytes) => {
    received.push(bytes);
    return fates[received.length - 1] ?? fates.at(-1) ?? 'silence';
  };
}

const opened = (session?: MessageInitShape<typeof SessionSchema>): Fate =>
  bytesOf(OpenSessionResponseSchema, session === undefined ? {} : { session });

describe('a verb', () => {
  test('sends a mandate as it is, and reads the session back', async () => {
    fated(
      opened({
        id: 's-1',
        state: SessionState.OPEN,
        steps: 3n,
        mandateDigest: 'm',
        remaining: { payments: '2' },
      }),
    );
    const subject = { iss: 'https://idp.example', id: 'ana' };
    const session = await client.openSession({ ...MANDATE, subject }, 'thread-1');
    expect(session).toMatchObject({
      id: 's-1',
      state: 'open',
      steps: 3,
      mandateDigest: 'm',
      remaining: { payments: '2' },
    });
    const { mandate, openKey } = fromBinary(OpenSessionRequestSchema, received[0] ?? new Uint8Array());
    expect(openKey).toBe('thread-1');
    expect(mandate).toMatchObject({
      taskType: 'run',
      limits: { payments: '12.50' },
      expireTime: { seconds: 1_900_000_000n, nanos: 123_000_000 },
      subject: { issuer: 'https://idp.example', id: 'ana' },
    });
    expect(mandate?.actor).toBeUndefined();
  });

  test('that may be repeated is, after a failure that passes', async () => {
    fated({ code: status.UNAVAILABLE }, opened({ id: 's-1', state: SessionState.OPEN }));
    expect(await client.openSession(MANDATE)).toMatchObject({ id: 's-1' });
    expect(received).toHaveLength(2);
    expect(received[1]).toEqual(received[0]);
  });

  test.each([
    ['a push', () => client.pushBundle({ kind: 'sources', files: new Map([['a.rego', 'package a']]) })],
    ['a rollback', () => client.rollback()],
    ['a change of one version of the data', () => client.patchData('a/b', { value: 1 }, 7)],
    ['a removal', () => client.patchData('a/b', { remove: true })],
  ])('that would count twice is not repeated: %s', async (_, verb) => {
    fated({ code: status.UNAVAILABLE });
    await expect(verb()).rejects.toMatchObject({ status: 'UNAVAILABLE' });
    expect(received).toHaveLength(1);
  });

  test.each([
    ['mandate', undefined],
    ['mandate', 'invoice_run'],
    ['mandate.taskType', {}],
    ['mandate.purpose', { ...MANDATE, purpose: 5 }],
    ['mandate.actions', { ...MANDATE, actions: 'invoice.*' }],
    ['mandate.actions[1]', { ...MANDATE, actions: ['invoice.*', 5] }],
    ['mandate.declared.vendor', { ...MANDATE, declared: { vendor: 5 } }],
    ['mandate.limits.payments', { ...MANDATE, limits: { payments: 5000 } }],
    ['mandate.limits', { ...MANDATE, limits: null }],
    ['mandate.expiresAt', { ...MANDATE, expiresAt: Number.NaN }],
    ['mandate.expiresAt', { ...MANDATE, expiresAt: Number.POSITIVE_INFINITY }],
    ['mandate.expiresAt', { ...MANDATE, expiresAt: -1 }],
    ['mandate.expiresAt', { ...MANDATE, expiresAt: new Date(0) }],
    ['mandate.subject', { ...MANDATE, subject: null }],
    ['mandate.actor.id', { ...MANDATE, actor: { iss: 'https://idp.example' } }],
  ])('names the `%s` that it cannot send', async (field, mandate) => {
    fated(opened({ id: 's-1', state: SessionState.OPEN }));
    const refusal = { name: 'AssentError', status: 'INVALID_ARGUMENT', fields: [{ field }] };
    await expect(client.openSession(mandate as never)).rejects.toMatchObject(refusal);
    await expect(client.amendSession('s-1', mandate as never)).rejects.toMatchObject(refusal);
    const asked = await client.authorize({
      action: 'a.b',
      token: 't',
      session: { key: 'k', mandate: mandate as never },
    });
    expect(asked).toMatchObject({ permitted: false, reasons: [{ code: 'client.malformed_ask' }] });
    expect(asked.reasons[0]?.words).toContain(`\`session.${field}\` `);
    expect(received).toEqual([]);
  });

  test('sends a part of a millisecond as none', async () => {
    fated(opened({ id: 's-1', state: SessionState.OPEN }));
    await client.openSession({ ...MANDATE, expiresAt: MANDATE.expiresAt + 0.7 });
    const { mandate } = fromBinary(OpenSessionRequestSchema, received[0] ?? new Uint8Array());
    expect(mandate?.expireTime).toMatchObject({ seconds: 1_900_000_000n, nanos: 123_000_000 });
  });

  test.each([
    ['no session', opened()],
    ['a state that is unknown', opened({ id: 's-1', state: 9 as SessionState })],
    ['no state', opened({ id: 's-1' })],
    ['garbage', { bytes: new Uint8Array([255, 255]) }],
  ] satisfies [string, Fate][])('throws when the answer holds %s', async (_, fate) => {
    fated(fate);
    await expect(client.openSession(MANDATE)).rejects.toMatchObject({
      name: 'AssentError',
      status: 'DATA_LOSS',
    });
  });

  test('throws with the reason and the fields that the server names', async () => {
    const fieldViolations = [{ field: 'rules/a.rego:3:1', description: 'unexpected eof' }];
    const refusal = create(StatusSchema, {
      code: 3,
      message: 'the bundle is refused',
      details: [
        anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason: 'BUNDLE_REFUSED', domain: 'assent' })),
        anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations })),
      ],
    });
    fated({ code: status.INVALID_ARGUMENT, details: 'the bundle is refused', status: refusal });
    const pushing = client.pushBundle({ kind: 'bundle', bytes: new Uint8Array([1]) }, { validateOnly: true });
    await expect(pushing).rejects.toMatchObject({
      status: 'INVALID_ARGUMENT',
      reason: 'BUNDLE_REFUSED',
      message: 'the bundle is refused',
      fields: [{ field: 'rules/a.rego:3:1', problem: 'unexpected eof' }],
    });
    const sent = fromBinary(PushBundleRequestSchema, received[0] ?? new Uint8Array());
    expect(sent).toMatchObject({ content: { case: 'bundle' }, validateOnly: true });
  });
});

describe('data', () => {
  test.each([
    ['a value', { value: { a: [1, null] } }, { case: 'valueJson' }],
    ['a removal', { remove: true as const }, { case: 'remove', value: true }],
  ])('is changed by %s', async (_, change, sent) => {
    fated(bytesOf(PatchDataResponseSchema, { version: 8n }));
    expect(await client.patchData('finance/blocked', change, 7)).toBe(8);
    const message = fromBinary(PatchDataRequestSchema, received[0] ?? new Uint8Array());
    expect(message).toMatchObject({ path: 'finance/blocked', expectedVersion: 7n, change: sent });
  });

  const trap = new Proxy({}, { ownKeys: () => assert.fail('secret') });
  test.each([
    ['value', () => client.patchData('a', { value: Number.NaN })],
    ['value.list[0]', () => client.patchData('a', { value: { list: [1n] } })],
    ['value', () => client.patchData('a', { value: trap })],
    ['expectedVersion', () => client.patchData('a', { value: 1 }, 1.5)],
    ['content.files', () => client.pushBundle({ kind: 'sources' } as never)],
  ])('that cannot be sent is not: `%s` is named', async (field, verb) => {
    fated(bytesOf(PatchDataResponseSchema, {}));
    const cause: unknown = await verb().catch((cause: unknown) => cause);
    expect(cause).toMatchObject({ name: 'AssentError', status: 'INVALID_ARGUMENT', fields: [{ field }] });
    expect(String(cause)).not.toContain('secret');
    expect(received).toEqual([]);
  });

  test('that is no JSON when it comes back is an answer that cannot be read', async () => {
    fated(bytesOf(GetDataResponseSchema, { valueJson: Buffer.from('{"mallory"'), version: 4n }));
    await expect(client.getData()).rejects.toMatchObject({ name: 'AssentError', status: 'DATA_LOSS' });
  });

  test('comes back as JSON', async () => {
    fated(bytesOf(GetDataResponseSchema, { valueJson: Buffer.from('{"mallory":true}'), version: 4n }));
    expect(await client.getData('finance/blocked')).toEqual({ value: { mallory: true }, version: 4 });
  });
});
