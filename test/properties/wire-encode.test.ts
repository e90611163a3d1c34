import { create, type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  AuthorizeResponseSchema,
  AuthorizeStreamResponseSchema,
  BatchAnswerSchema,
  BatchAuthorizeResponseSchema,
  DecisionSchema,
  type Decision as WireDecision,
  Effect as WireEffect,
  Remedy as WireRemedy,
} from '../../src/gen/assent/v1/authorization_pb.js';
import { StatusSchema } from '../../src/gen/google/rpc/status_pb.js';
import type { Ask, Role } from '../../src/model/ask.ts';
import type { Decision } from '../../src/model/decision.ts';
import { canonicalJson } from '../../src/model/json.ts';
import { encodeBatch, encodeDecided, encodeFailed, encodeResponse } from '../../src/wire/grpc/encode.ts';

const EFFECTS = {
  allow: WireEffect.ALLOW,
  deny: WireEffect.DENY,
  escalate: WireEffect.ESCALATE,
  throttle: WireEffect.THROTTLE,
};
const REMEDIES = {
  retry_later: WireRemedy.RETRY_LATER,
  change_arguments: WireRemedy.CHANGE_ARGUMENTS,
  ask_human: WireRemedy.ASK_HUMAN,
  step_up: WireRemedy.STEP_UP,
  stop: WireRemedy.STOP,
};
function keys<K extends string>(table: Readonly<Record<K, unknown>>): readonly K[] {
  return Object.keys(table) as K[];
}

// Long enough now and then to need two and three bytes of length, and a larger buffer.
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom('', 'x'.repeat(127), 'x'.repeat(128), 'ü'.repeat(9000), '😀'.repeat(5000)),
);
const details = fc.option(fc.dictionary(text, fc.oneof(text, fc.boolean()), { maxKeys: 3 }), {
  nil: undefined,
});
const whole = fc.nat(Number.MAX_SAFE_INTEGER);

const made = fc.record({
  id: text,
  effect: fc.constantFrom(...keys(EFFECTS)),
  reasons: fc.array(
    fc.record({
      code: fc.constantFrom('session.rate', 'policy.x'),
      words: text,
      remedy: fc.constantFrom(...keys(REMEDIES)),
      reviewers: fc.array(text, { maxLength: 3 }),
      details,
    }),
    { maxLength: 3 },
  ),
  obligations: fc.array(fc.record({ name: text, parameters: fc.dictionary(text, text, { maxKeys: 2 }) }), {
    maxLength: 2,
  }),
  retryDelayMs: fc.option(fc.nat(100_000), { nil: undefined }),
  expiresAt: fc.option(fc.nat(4_000_000_000_000), { nil: undefined }),
  executionKey: fc.option(text, { nil: undefined }),
  revision: text,
  activation: whole,
  recordIndex: whole,
  causeId: fc.option(text, { nil: undefined }),
  replayed: fc.boolean(),
  challenge: fc.option(text, { nil: undefined }),
  session: fc.option(text, { nil: undefined }),
  provenance: fc.dictionary(text, fc.constantFrom('user', 'trusted', 'untrusted', 'unknown'), { maxKeys: 3 }),
  input: fc.option(text, { nil: undefined }),
  dryRun: fc.boolean(),
  seesDetails: fc.boolean(),
});
type MadeDecision = typeof made extends fc.Arbitrary<infer T> ? T : never;

/** The same answer as the room says it and as the wire has it. */
const pair = made.map((fields) => {
  const { session, dryRun, seesDetails, ...told } = fields;
  const committed = session === undefined ? undefined : { session, version: 1, digest: 'd', payload: '{}' };
  const decision = { ...told, requestId: 'r', consume: [], committed } as unknown as Decision;
  const roles = new Set<Role>(seesDetails ? ['asker', 'details'] : ['asker']);
  const ask = {
    pep: { id: 'p', tenant: 't', roles },
    dryRun,
    session: { kind: 'id', id: 'given' },
  } as unknown as Ask;
  return { answered: { ask, decision }, wire: expected(fields) };
});

function expected(made: MadeDecision): WireDecision {
  const bytes = (json: string) => Uint8Array.from(Buffer.from(json));
  return create(DecisionSchema, {
    decisionId: made.id,
    effect: EFFECTS[made.effect],
    reasons: made.reasons.map(({ code, words, remedy, reviewers }) => ({
      code,
      words,
      // Whoever was allowed needs no remedy.
      remedy: made.effect === 'allow' ? 0 : REMEDIES[remedy],
      reviewers,
    })),
    obligations: made.obligations.map(({ name, parameters }) => ({
      name,
      parametersJson: bytes(canonicalJson(parameters)),
    })),
    ...(made.retryDelayMs !== undefined && { retryDelay: durationFromMs(made.retryDelayMs) }),
    ...(made.expiresAt !== undefined && { expireTime: timestampFromMs(made.expiresAt) }),
    executionKey: made.executionKey ?? '',
    revision: made.revision,
    activation: BigInt(made.activation),
    recordIndex: BigInt(made.recordIndex),
    causeId: made.causeId ?? '',
    replayed: made.replayed,
    dryRun: made.dryRun,
    challenge: made.challenge ?? '',
    sessionId: made.session ?? 'given',
    ...(made.seesDetails && {
      details: {
        provenance: made.provenance,
        reasonDetailsJson: bytes(canonicalJson(made.reasons.map(({ details }) => details ?? {}))),
        inputJson: bytes(made.input ?? ''),
      },
    }),
  });
}

/** Bytes fields come out as plain arrays, not as views of a Buffer. */
function read<D extends DescMessage>(schema: D, bytes: Buffer): MessageShape<D> {
  return fromBinary(schema, Uint8Array.from(bytes));
}

test('the library reads every answer as it was meant', () => {
  fc.assert(
    fc.property(pair, text, ({ answered, wire }, requestId) => {
      expect(read(AuthorizeResponseSchema, encodeResponse(answered)).decision).toEqual(wire);
      const decided = encodeDecided(requestId, answered);
      const answer = { case: 'decision', value: wire };
      expect(read(AuthorizeStreamResponseSchema, decided)).toMatchObject({ requestId, answer });
      expect(read(BatchAnswerSchema, decided)).toMatchObject({ requestId, answer });
    }),
  );
});

test('a status in the place of an answer is read as it was meant, alone and in a batch', () => {
  fc.assert(
    fc.property(pair, text, ({ answered, wire }, message) => {
      const status = create(StatusSchema, { code: 14, message });
      const failed = encodeFailed('r', status);
      expect(read(AuthorizeStreamResponseSchema, failed).answer).toEqual({
        case: 'status',
        value: status,
      });
      const batch = read(BatchAuthorizeResponseSchema, encodeBatch([failed, encodeDecided('s', answered)]));
      expect(batch.answers.map(({ answer }) => answer.value)).toEqual([status, wire]);
    }),
  );
});

test('what cannot be said is thrown, and the next answer is whole', () => {
  fc.assert(
    fc.property(pair, ({ answered, wire }) => {
      for (const broken of [
        { effect: 'permit' },
        { activation: Number.NaN },
        { recordIndex: -1 },
        { recordIndex: 1.5 },
      ]) {
        const decision = { ...answered.decision, ...broken } as unknown as Decision;
        expect(() => encodeResponse({ ...answered, decision })).toThrow();
      }
      expect(read(AuthorizeResponseSchema, encodeResponse(answered)).decision).toEqual(wire);
    }),
    { numRuns: 20 },
  );
});
