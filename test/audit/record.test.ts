import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { describe, expect, test } from 'vitest';
import { opens } from '../../src/audit/commitment.ts';
import { buildRecord } from '../../src/audit/record.ts';
import type { Resource } from '../../src/model/catalog.ts';
import type { JsonValue } from '../../src/model/json.ts';
import { reasonOf } from '../../src/model/reason.ts';
import { ask, PAYMENT } from '../catalog/fixture.ts';
import { ALLOW, CALLER, DENY, PLACE, parsed, SESSION, trailOf } from './fixture.ts';

/** What the fixture's user said, as openings show it. */
const WORDS = ['"INV-7"', '"Pay invoice INV-7 of Blue Harbor Ltd"'];

describe('the record of an answer', () => {
  const trail = trailOf();
  const { text, openings } = buildRecord(trail, ALLOW, PLACE);
  const record = parsed(text);

  test('is canonical JSON', () => {
    expect(canonicalize(JSON.parse(text))).toBe(text);
  });

  test('says who, for whom, by which chain, what, when, by which rules and where it stands', () => {
    expect(record).toMatchObject({
      v: 1,
      kind: 'decision',
      index: 7,
      previous: PLACE.previous,
      decision_id: ALLOW.id,
      ts: 1_760_000_000_000,
      tenant: 'acme',
      pep: 'gateway',
      request_id: trail.ask.requestId,
      request_digest: 'digest',
      operation_id: 'call-1',
      trace_id: 'ab'.repeat(16),
      dry_run: false,
      dev: false,
      action: { name: 'payment.send', class: 'external', known: true },
      resource: { type: 'invoice', id: 'INV-7' },
      caller: {
        subject: { iss: 'https://idp.test', id: 'ann' },
        actor: { id: 'agent-7' },
        prior_actors: [{ id: 'agent-1' }],
        client: 'agent-app',
        auth: { method: 'dpop', bound: true, binding: 'thumbprint-of-the-key' },
      },
      chain: ['hop-hash-1'],
      revision: 'rev-1',
      activation: 3,
      data_version: 4,
      facts_state: 'judged',
      answer: { expires_at: 1_760_000_030_000, execution_key: 'exec-1', replayed: false },
      verdict: {
        effect: 'allow',
        obligations: [{ name: 'notify' }],
        consume: [{ budget: 'payments', amount: '120.5' }],
      },
      session: { appended: true, version: 7, payload: { kind: 'decision' } },
    });
    expect(record).not.toHaveProperty('walk_id');
    expect(record).not.toHaveProperty('shortened');
  });

  test('holds no token, no proof, no jti', () => {
    const secret = {
      ...trail,
      ask: {
        ...trail.ask,
        chain: ['raw-hop'],
        credential: { scheme: 'dpop', token: 'raw-token', proof: 'raw-proof' } as const,
      },
    };
    const { text: said } = buildRecord(secret, ALLOW, PLACE);
    for (const word of ['raw-token', 'raw-proof', 'raw-hop', 'jti-never-shown'])
      expect(said).not.toContain(word);
  });

  test('shows a sensitive argument as a salted commitment, and no other', () => {
    expect(text).not.toContain('DE89370400440532013000');
    expect(record['facts']).toMatchObject({
      args: { account: { commitment: openings[0]?.commitment }, amount: 120.5, vendor: 'Blue Harbor Ltd' },
      claimed: { args: { account: 'not the real one' } },
    });
    expect(openings.map(({ value }) => value)).toEqual(['"DE89370400440532013000"', ...WORDS]);
  });

  test('commits so that the opening fits, no other does, and equal values do not show', () => {
    const [opening] = openings;
    if (opening === undefined) throw new Error('no opening');
    const salt = Buffer.from(opening.salt, 'base64url');
    const again = createHash('sha256').update(salt).update('"DE89370400440532013000"').digest('base64url');
    expect(opening.commitment).toBe(again);
    expect(opens(opening)).toBe(true);
    expect(opens({ ...opening, value: '"DE00"' })).toBe(false);
    expect(buildRecord(trail, ALLOW, PLACE).openings[0]?.commitment).not.toBe(opening.commitment);
  });

  test('repeats policy\u2019s input word for word where nothing is sensitive and nobody gave a task', () => {
    const read = trailOf('rate.read', { from: 'EUR' });
    const input = read.judged?.input.replace(/"task":\{.*\},"time"/, '"task":null,"time"') ?? '';
    const judged = { ...read.judged, input } as typeof read.judged;
    const built = buildRecord({ ...read, session: null, judged } as typeof read, ALLOW, PLACE);
    expect(built.text).toContain(`"facts":${input},"facts_state"`);
    expect(built.openings).toEqual([]);
  });

  test('hides all facts when the arguments cannot be told apart from the rest', () => {
    const judged = { ...trail.judged, input: '{"words":"DE89370400440532013000"}' } as typeof trail.judged;
    const { text: said } = buildRecord({ ...trail, judged } as typeof trail, ALLOW, PLACE);
    expect(said).not.toContain('DE89370400440532013000');
  });

  test('commits to an argument above 16 KiB', () => {
    const long = '\u20ac'.repeat(6000);
    const read = trailOf('rate.read', { from: 'EUR' });
    const judged = { ...read.judged, input: `{"args":{"from":"${long}","to":"USD"}}` } as typeof read.judged;
    const built = buildRecord({ ...read, judged } as typeof read, ALLOW, PLACE);
    expect(parsed(built.text)['facts']).toEqual({
      args: { from: { commitment: built.openings[0]?.commitment }, to: 'USD' },
    });
    expect(built.openings[0]?.value).toBe(`"${long}"`);
  });

  test('names both ids when a retry got its earlier answer', () => {
    const { judged: _, ...replay } = trail;
    const built = parsed(buildRecord({ ...replay, id: 'later' }, { ...ALLOW, replayed: true }, PLACE).text);
    expect(built).toMatchObject({
      decision_id: ALLOW.id,
      walk_id: 'later',
      answer: { replayed: true },
      facts_state: 'partial',
    });
  });
});

describe('the record of an action that the catalog does not know', () => {
  const args = { secret: 'hunter2', tree: { deep: ['hunter3'] }, size: 4711 };

  test.each(['judged', 'partial'])('commits to every argument, each by itself, when %s', (state) => {
    const { judged, ...walked } = trailOf('vault.store', args);
    const trail = state === 'judged' && judged !== undefined ? { ...walked, judged } : walked;
    const { text, openings } = buildRecord(trail, ALLOW, PLACE);
    for (const word of ['hunter2', 'hunter3', '4711']) expect(text).not.toContain(word);
    expect(canonicalize(JSON.parse(text))).toBe(text);
    const words = state === 'judged' ? WORDS : [];
    expect(openings.map(({ value }) => value)).toEqual([
      '"hunter2"',
      '4711',
      '{"deep":["hunter3"]}',
      ...words,
    ]);
    for (const opening of openings) expect(opens(opening)).toBe(true);
    const [secret, size, tree] = openings.map(({ commitment }) => ({ commitment }));
    expect(parsed(text)).toMatchObject({
      action: { name: 'vault.store', class: 'code', known: false },
      facts: { args: { secret, size, tree } },
      facts_state: state,
    });
    expect(new Set(openings.map(({ salt }) => salt)).size).toBe(openings.length);
  });
});

describe('an argument that repeats a hidden one', () => {
  const IBAN = 'DE89370400440532013000';

  test.each(['judged', 'partial'])('shows its commitment, whatever it is called, when %s', (state) => {
    const { judged, ...walked } = trailOf('payment.send', { ...PAYMENT, invoice: IBAN, note: `to ${IBAN}0` });
    const trail = state === 'judged' && judged !== undefined ? { ...walked, judged } : walked;
    const { text, openings } = buildRecord(trail, ALLOW, PLACE);
    const commitment = { commitment: openings[0]?.commitment };
    expect(canonicalize(JSON.parse(text))).toBe(text);
    expect(parsed(text)['facts']).toMatchObject({
      args: { account: commitment, invoice: commitment, note: `to ${IBAN}0`, vendor: 'Blue Harbor Ltd' },
    });
    expect(openings.filter(({ value }) => value.includes(IBAN))).toHaveLength(1);
  });
});

describe('a resource that repeats a hidden argument', () => {
  const IBAN = 'DE89370400440532013000';

  /** A payment whose resource, asked and judged, is the given one. */
  function about(resource: Resource, judged: boolean) {
    const trail = trailOf();
    const { action } = trail;
    const input = trail.judged?.input.replace(
      '"resource":{"id":"INV-7","type":"invoice"}',
      `"resource":${canonicalize({ ...resource.properties, id: resource.id, type: resource.type })}`,
    );
    const { judged: verdict, ...walked } = trail;
    return {
      ...walked,
      ask: { ...trail.ask, resource },
      ...(action === undefined ? {} : { action: { ...action, resource } }),
      ...(judged && verdict !== undefined && input !== undefined ? { judged: { ...verdict, input } } : {}),
    };
  }

  test('shows the argument\u2019s commitment as its id and in its properties', () => {
    const resource = { id: IBAN, type: 'account', properties: { city: 'Kiel', iban: IBAN } };
    const { text, openings } = buildRecord(about(resource, true), ALLOW, PLACE);
    const commitment = { commitment: openings[0]?.commitment };
    expect(text).not.toContain(IBAN);
    expect(canonicalize(JSON.parse(text))).toBe(text);
    expect(openings.map(({ value }) => value)).toEqual([`"${IBAN}"`, ...WORDS]);
    expect(parsed(text)).toMatchObject({
      resource: { id: commitment, type: 'account' },
      facts: {
        args: { account: commitment },
        resource: { city: 'Kiel', iban: commitment, id: commitment, type: 'account' },
      },
    });
  });

  test('shows it wherever it stands whole in properties and claims, at any depth', () => {
    const properties = { owner: { ibans: ['DE00', IBAN, { iban: IBAN }], note: `to ${IBAN}0` }, size: 4 };
    const trail = about({ id: 'A-1', type: 'account', properties }, true);
    const input = trail.judged?.input.replace('not the real one', IBAN) ?? '';
    const judged = { ...trail.judged, input } as typeof trail.judged;
    const { text, openings } = buildRecord({ ...trail, judged } as typeof trail, ALLOW, PLACE);
    const commitment = { commitment: openings[0]?.commitment };
    expect(canonicalize(JSON.parse(text))).toBe(text);
    expect(parsed(text)['facts']).toMatchObject({
      claimed: { args: { account: commitment }, note: 'a "quoted\\" text' },
      resource: {
        owner: { ibans: ['DE00', commitment, { iban: commitment }], note: `to ${IBAN}0` },
        size: 4,
      },
    });
  });

  test('shows it as its id when policy was not reached', () => {
    const { text, openings } = buildRecord(
      about({ id: IBAN, type: 'account', properties: {} }, false),
      DENY,
      PLACE,
    );
    expect(text).not.toContain(IBAN);
    expect(parsed(text)['resource']).toEqual({
      id: { commitment: openings[0]?.commitment },
      type: 'account',
    });
  });

  test('shows it where the argument is a number and the id its text', () => {
    const walked = trailOf('vault.open', { box: 4711 });
    const trail = {
      ...walked,
      ask: { ...walked.ask, resource: { id: '4711', type: 'box', properties: {} } },
    };
    const { text, openings } = buildRecord(trail, ALLOW, PLACE);
    expect(text).not.toContain('4711');
    expect(parsed(text)['resource']).toEqual({ id: { commitment: openings[0]?.commitment }, type: 'box' });
  });

  test.each<[string, JsonValue]>([
    ['text', '4711'],
    ['a number', 4711],
  ])('is committed to when no argument was read and one of them is its id as %s', (_, box) => {
    const asked = ask('vault.open', { box, lid: 'open' }, { type: 'box', id: '4711' });
    const { text, openings } = buildRecord({ ask: asked, at: 5, id: DENY.id }, DENY, PLACE);
    expect(text).not.toContain('4711');
    expect(openings.map(({ value }) => value)).toEqual(['"4711"']);
    expect(parsed(text)).toMatchObject({
      facts: {},
      resource: { id: { commitment: openings[0]?.commitment }, type: 'box' },
    });
  });
});

describe('the record of a refusal', () => {
  test('before the token was read holds no argument', () => {
    const asked = ask('payment.send', PAYMENT);
    const { text } = buildRecord({ ask: asked, at: 5, id: DENY.id }, DENY, PLACE);
    expect(canonicalize(JSON.parse(text))).toBe(text);
    expect(parsed(text)).toMatchObject({
      facts: {},
      facts_state: 'partial',
      revision: 'rev-9',
      activation: 9,
      chain: [],
    });
    expect(parsed(text)).not.toHaveProperty('caller');
    expect(text).not.toContain('Blue Harbor');
  });

  test('after the action was read holds what the trail knew, sensitive arguments still hidden', () => {
    const { judged: _, ...known } = trailOf();
    const built = buildRecord(known, { ...DENY, reasons: [reasonOf('session.task_closed')] }, PLACE);
    expect(parsed(built.text)).toMatchObject({
      facts: { args: { amount: 120.5 }, provenance: { amount: 'user' } },
    });
    expect(built.text).not.toContain('DE89370400440532013000');
  });

  test('at a session that it did not change says at which head', () => {
    const known = { ...trailOf(), session: SESSION };
    expect(parsed(buildRecord(known, DENY, PLACE).text)['session']).toEqual({
      appended: false,
      digest: 'head',
      id: 's-1',
      version: 4,
    });
  });

  test('of an answer without the store says that what is known of the session may be stale', () => {
    const known = buildRecord({ ...trailOf(), session: SESSION }, { ...DENY, stale: true }, PLACE);
    const head = { appended: false, digest: 'head', id: 's-1', stale: true, version: 4 };
    expect(parsed(known.text)['session']).toEqual(head);
    const trail = trailOf();
    const ask = { ...trail.ask, session: { kind: 'id', id: 's-1' } } as const;
    const blind = buildRecord({ ...trail, ask, session: null }, { ...DENY, stale: true }, PLACE);
    expect(parsed(blind.text)['session']).toEqual({ appended: false, id: 's-1', stale: true });
    for (const { text } of [known, blind]) expect(text).toBe(canonicalize(parsed(text)));
  });

  test('does not repeat a trace header that is none', () => {
    const trail = trailOf();
    const odd = { ...trail, ask: { ...trail.ask, traceparent: '00-"},{-x' } };
    expect(parsed(buildRecord(odd, DENY, PLACE).text)).not.toHaveProperty('trace_id');
  });
});

describe('a record too long', () => {
  const big = 'x'.repeat(70_000);
  const payload = `{"blob":"${big}"}`;
  const input = `{"args":{"from":"EUR"},"x":"${big}"}`;
  const committed = { session: 's', version: 1, digest: 'd', payload };
  const reasons = [{ ...reasonOf('policy.unspoken'), details: { big } }];

  test.each<[string, boolean, boolean, boolean, readonly string[]]>([
    ['gives up the session payload first', true, false, false, ['session.payload']],
    ['then the facts', true, true, false, ['facts', 'session.payload']],
    ['only what is there', false, true, false, ['facts']],
    ['then the verdict', true, true, true, ['facts', 'session.payload', 'verdict']],
  ])('%s', (_, longPayload, longFacts, longVerdict, shortened) => {
    const trail = trailOf('rate.read', { from: 'EUR' });
    const long = longFacts ? { ...trail, judged: { ...trail.judged, input } } : trail;
    const { committed: entry, ...bare } = ALLOW;
    expect(entry).toBeDefined();
    const answer = { ...bare, ...(longPayload ? { committed } : {}), ...(longVerdict ? { reasons } : {}) };
    const built = buildRecord(long as typeof trail, answer, PLACE);
    const record = parsed(built.text);
    expect(Buffer.byteLength(built.text)).toBeLessThanOrEqual(65_535);
    expect(canonicalize(JSON.parse(built.text))).toBe(built.text);
    expect(record['shortened']).toEqual(shortened);
    expect(record['verdict']).toMatchObject({ effect: 'allow' });
    for (const opening of built.openings) expect(opens(opening)).toBe(true);
    if (longFacts) expect(built.openings.map(({ value }) => value)).toContain(input);
  });

  test('commits to a caller that fills it', () => {
    const caller = { ...CALLER, client: big };
    const built = buildRecord({ ...trailOf(), caller }, ALLOW, PLACE);
    expect(Buffer.byteLength(built.text)).toBeLessThanOrEqual(65_535);
    expect(parsed(built.text)['shortened']).toContain('caller');
  });

  test('that nothing can shorten is not written at all', () => {
    const trail = trailOf();
    expect(() => buildRecord({ ...trail, ask: { ...trail.ask, operationId: big } }, ALLOW, PLACE)).toThrow(
      RangeError,
    );
  });
});
