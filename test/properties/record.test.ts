import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { membersOf, replaceMembers } from '../../src/audit/members.ts';
import { buildRecord } from '../../src/audit/record.ts';
import { canonicalJson, type JsonObject, type JsonValue } from '../../src/model/json.ts';
import { reasonOf } from '../../src/model/reason.ts';
import { ALLOW, CALLER, PLACE, trailOf } from '../audit/fixture.ts';

const word = fc.string({ unit: 'grapheme', maxLength: 40 });
const object = fc.dictionary(word, fc.jsonValue({ maxDepth: 3 })) as fc.Arbitrary<JsonObject>;

describe('records', () => {
  test('are what an RFC 8785 library makes of them, whatever they hold', () => {
    fc.assert(
      fc.property(
        fc.record({
          name: word,
          id: word,
          operationId: fc.option(word, { nil: undefined }),
          client: word,
          details: object,
        }),
        fc.record({
          input: object,
          args: object,
          payload: object,
          retry: fc.option(fc.nat(), { nil: undefined }),
        }),
        fc.constantFrom('allow', 'deny', 'escalate', 'throttle'),
        fc.boolean(),
        ({ name, id, operationId, client, details }, { input, args, payload, retry }, effect, dev) => {
          const known = trailOf('rate.read', { from: 'EUR' });
          const { operationId: _, ...asked } = known.ask;
          const trail = {
            ...known,
            ask: {
              ...asked,
              action: name,
              resource: { type: id, id: name, properties: {} },
              ...(operationId === undefined ? {} : { operationId }),
            },
            caller: { ...CALLER, client },
            judged: {
              ...(known.judged as NonNullable<typeof known.judged>),
              input: canonicalJson({ ...input, args }),
            },
          };
          const answer = {
            ...ALLOW,
            effect,
            reasons: [reasonOf('session.rate', details)],
            obligations: [{ name, parameters: details }],
            committed: { session: id, version: 3, digest: name, payload: canonicalJson(payload) },
            ...(retry === undefined ? {} : { retryDelayMs: retry }),
          } as const;
          const { text } = buildRecord(trail, answer, { ...PLACE, dev });
          expect(text).toBe(canonicalize(JSON.parse(text)));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('members of a canonical object', () => {
  test('are found where a parser finds them', () => {
    fc.assert(
      fc.property(object, (value) => {
        const text = canonicalJson(value);
        const found = membersOf(text).map(({ name, start, end }) => [
          JSON.parse(name),
          text.slice(start, end),
        ]);
        const wanted = Object.keys(value)
          .sort()
          .map((name) => [name, canonicalJson(value[name] as JsonValue)]);
        expect(found).toEqual(wanted);
      }),
      { numRuns: 500 },
    );
  });

  test('can be replaced one by one without touching the others', () => {
    fc.assert(
      fc.property(object, word, (value, key) => {
        const literal = JSON.stringify(key);
        const changed = replaceMembers(canonicalJson(value), (name) =>
          name === literal ? '"gone"' : undefined,
        );
        const wanted = Object.hasOwn(value, key) ? { ...value, [key]: 'gone' } : value;
        expect(changed).toBe(canonicalJson(wanted));
      }),
      { numRuns: 300 },
    );
  });
});
