import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AuthorizeRequestSchema } from '../../src/gen/assent/v1/authorization_pb.js';
import { PatchDataRequestSchema, PushBundleRequestSchema } from '../../src/gen/assent/v1/policy_pb.js';
import { OpenSessionRequestSchema } from '../../src/gen/assent/v1/session_pb.js';
import { Malformed } from '../../src/model/refusal.ts';
import { decodeAsk } from '../../src/wire/grpc/decode.ts';
import { decodeStrictly, peekText, splitMessages } from '../../src/wire/grpc/strict.ts';
import { askBytes } from '../wire/harness.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const bytes = fc.uint8Array({ maxLength: 40 }).map((value) => Uint8Array.from(value));
const seconds = fc.bigInt({ min: 0n, max: 253_402_300_799n });
const mandate = fc.record({
  taskType: text,
  purpose: text,
  actions: fc.array(text, { maxLength: 4 }),
  declared: fc.dictionary(text, text, { noNullPrototype: true }),
  limits: fc.dictionary(text, text, { noNullPrototype: true }),
  expireTime: fc.record({ seconds, nanos: fc.nat(999_999_999) }),
});
const session = fc.oneof(
  fc.record({ case: fc.constant('id' as const), value: text }),
  fc.record({ case: fc.constant('open' as const), value: fc.record({ key: text, mandate }) }),
);
const ask = fc.record(
  {
    requestId: text,
    action: fc.record({
      name: text,
      argumentsJson: bytes,
      resource: fc.record({ type: text, propertiesJson: bytes }),
    }),
    credential: fc.record({ form: fc.record({ case: fc.constant('bearerToken' as const), value: text }) }),
    session: fc.record({ reference: session }),
    chain: fc.array(text, { maxLength: 5 }),
    operationId: text,
    contextJson: bytes,
    timeout: fc.record({ seconds, nanos: fc.nat(999_999_999) }),
    dryRun: fc.boolean(),
  },
  { requiredKeys: [] },
);

test('whatever a conforming sender writes is read as the library reads it', () => {
  fc.assert(
    fc.property(ask, (init) => {
      const sent = toBinary(AuthorizeRequestSchema, create(AuthorizeRequestSchema, init));
      expect(decodeStrictly(AuthorizeRequestSchema, sent)).toEqual(fromBinary(AuthorizeRequestSchema, sent));
      expect(peekText(sent)).toBe(init.requestId ?? '');
    }),
  );
  fc.assert(
    fc.property(mandate, text, (init, openKey) => {
      const sent = toBinary(
        OpenSessionRequestSchema,
        create(OpenSessionRequestSchema, { mandate: init, openKey }),
      );
      expect(decodeStrictly(OpenSessionRequestSchema, sent)).toEqual(
        fromBinary(OpenSessionRequestSchema, sent),
      );
    }),
  );
});

test('every kind of field of the other requests is read too', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.boolean(),
      bytes,
      (expectedVersion, flag, valueJson) => {
        const change = flag
          ? ({ case: 'remove', value: true } as const)
          : ({ case: 'valueJson', value: valueJson } as const);
        const patch = toBinary(
          PatchDataRequestSchema,
          create(PatchDataRequestSchema, { expectedVersion, change }),
        );
        expect(decodeStrictly(PatchDataRequestSchema, patch)).toEqual(
          fromBinary(PatchDataRequestSchema, patch),
        );
        const push = { content: { case: 'bundle', value: valueJson }, validateOnly: flag } as const;
        const sent = toBinary(PushBundleRequestSchema, create(PushBundleRequestSchema, push));
        expect(decodeStrictly(PushBundleRequestSchema, sent)).toEqual(
          fromBinary(PushBundleRequestSchema, sent),
        );
      },
    ),
  );
});

const context = {
  pep: { id: 'p', tenant: 't', roles: new Set<never>() },
  at: 1_790_000_000_000,
  callDeadline: Number.POSITIVE_INFINITY,
  field: 'ask',
  digestAsk: (text: string) => text,
};

test('any bytes are an ask or a malformed field, and nothing else', () => {
  const good = askBytes();
  const damaged = fc
    .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
    .map((changes) => {
      const copy = Uint8Array.from(good);
      for (const [at, value] of changes) copy[at] = value;
      return copy;
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), damaged), (input) => {
      try {
        const { requestId } = decodeAsk(Uint8Array.from(input), context);
        expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
      } catch (cause) {
        expect(cause).toBeInstanceOf(Malformed);
        expect((cause as Malformed).field).toMatch(/^ask/);
      }
    }),
    { numRuns: 2000 },
  );
});

test('any bytes split into messages or are malformed, and any bytes can be peeked into', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (input) => {
      expect(typeof peekText(input)).toBe('string');
      try {
        expect(splitMessages(input, 'asks').every((part) => part.length <= input.length)).toBe(true);
      } catch (cause) {
        expect(cause).toBeInstanceOf(Malformed);
      }
    }),
    { numRuns: 1000 },
  );
});

test('no prefix of an ask is taken for the whole of one that it is not', () => {
  const whole = askBytes({ operationId: 'op-1', dryRun: true });
  const seen = decodeAsk(whole, context);
  for (let end = 0; end < whole.length; end += 1) {
    try {
      const cut = decodeAsk(whole.subarray(0, end), context);
      // Cut between fields it is another, well-formed ask: never one with the same content.
      expect(cut.digest).not.toBe(seen.digest);
    } catch (cause) {
      expect(cause).toBeInstanceOf(Malformed);
    }
  }
});
