import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDecimal, ZERO } from '../../src/model/decimal.ts';
import { canonicalJson, type JsonValue } from '../../src/model/json.ts';
import type { Effect } from '../../src/model/reason.ts';
import { reasonOf } from '../../src/model/reason.ts';
import { applyEntry, beginFold } from '../../src/session/apply.ts';
import { DEFAULT_BOUNDS, type SessionBounds } from '../../src/session/bounds.ts';
import { encodeAsk, encodeEntry } from '../../src/session/encode.ts';
import type { AskEntry, LaterEntry, OpenEntry, ReportEntry } from '../../src/session/entry.ts';
import type { Fold, Permit, Told } from '../../src/session/fold.ts';
import { createSessionKeys } from '../../src/session/keys.ts';
import { findPermit, release } from '../../src/session/permits.ts';
import { stateOf, toldOf } from '../../src/session/settle.ts';
import { decodeFold, encodeFold, sealSnapshot } from '../../src/session/snapshot.ts';
import { GENESIS, logName, type StoredEntry } from '../../src/session/store.ts';
import { NO_UNDO, Undo } from '../../src/session/undo.ts';
import { unfold } from '../../src/session/unfold.ts';
import { ANA, BOT, FLEET_KEY, MANDATE, NOW, requestId } from './world.ts';

const keys = createSessionKeys(FLEET_KEY, 'k1');
const session = 'A'.repeat(22);
const log = logName({ tenant: 'acme', session });
/** Small, so that every bound is passed. */
const bounds: SessionBounds = {
  ...DEFAULT_BOUNDS,
  reads: 2,
  answers: 4,
  spentIds: 3,
  origins: 6,
  actions: 3,
};
const reading = { log, keys, bounds };

const opening: OpenEntry = {
  kind: 'open',
  at: NOW,
  pep: 'p',
  id: session,
  tenant: 'acme',
  mandate: MANDATE,
  seen: { user: 'a'.repeat(16), trusted: '', untrusted: '' },
};

function seal(entry: LaterEntry | OpenEntry, before: { version: number; digest: string }): StoredEntry {
  const payload = encodeEntry(entry, 'k1');
  return { version: before.version + 1, digest: keys.sealEntry(log, before, payload), payload };
}

function begin(): { fold: Fold; stored: StoredEntry } {
  const stored = seal(opening, GENESIS);
  return { fold: beginFold(opening, stored, bounds), stored };
}

const small = fc.nat(3).map(String);
const hashes = fc
  .array(fc.nat(12), { maxLength: 4 })
  .map((values) => values.map((v) => v.toString(16).padStart(16, '0')).join(''));
const seen = fc.record({ user: hashes, trusted: hashes, untrusted: hashes });

const ask = fc
  .record({
    effect: fc.constantFrom<Effect>('allow', 'allow', 'allow', 'deny', 'throttle', 'escalate'),
    action: fc.constantFrom('a', 'b', 'c', 'd', '__proto__'),
    effectful: fc.boolean(),
    foreign: fc.boolean(),
    kind: fc.constantFrom('external' as const, 'write' as const),
    operation: fc.option(small, { nil: undefined }),
    identity: fc.option(small, { nil: undefined }),
    amount: fc.option(fc.constantFrom('1', '0.1', '2.25'), { nil: undefined }),
    hops: fc.subarray(['h1', 'h2']),
    pep: fc.constantFrom('p', 'q'),
    later: fc.nat(90_000),
  })
  .map(
    (made) =>
      (at: number, id: string): LaterEntry => ({
        kind: 'ask',
        at,
        pep: made.pep,
        request: requestId(at),
        content: 'c',
        action: made.action,
        class: made.kind,
        effectful: made.effectful,
        ...(made.foreign ? { foreign: true as const } : {}),
        subject: ANA,
        actor: BOT,
        owner: BOT,
        hops: made.hops,
        ...(made.operation === undefined ? {} : { operation: made.operation, act: `act ${made.identity}` }),
        ...(made.identity === undefined ? {} : { identity: made.identity }),
        answer: {
          id,
          effect: made.effect,
          reasons: made.effect === 'allow' ? [] : [reasonOf('session.rate')],
          obligations: [],
          consume: made.amount === undefined ? [] : [{ budget: 'money', amount: made.amount }],
        },
      }),
  );

const report = fc
  .record({
    decision: fc.nat(12),
    outcome: fc.constantFrom('executed' as const, 'failed' as const, 'unknown' as const),
    proof: fc.constantFrom('', 'p'),
    seen,
    lost: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
  })
  .map(
    (made) =>
      (at: number): LaterEntry => ({ kind: 'report', at, pep: 'p', ...made, decision: `d${made.decision}` }),
  );

const other = fc.oneof(
  seen.map(
    (values) =>
      (at: number): LaterEntry => ({
        kind: 'amend',
        at,
        pep: 'p',
        mandate: { ...MANDATE, purpose: 'more' },
        seen: values,
      }),
  ),
  fc.constantFrom('suspend', 'resume', 'close').map(
    (kind) =>
      (at: number): LaterEntry =>
        kind === 'suspend'
          ? { kind, at, pep: 'p', cause: 'c' }
          : kind === 'resume'
            ? { kind, at, pep: 'p' }
            : { kind: 'close', at, pep: 'p', count: 1, last: 'x' },
  ),
);

const story = fc.array(
  fc.tuple(fc.oneof({ weight: 6, arbitrary: ask }, { weight: 3, arbitrary: report }, other), fc.nat(90_000)),
  { maxLength: 25 },
);

function tell(
  fold: Fold,
  told: readonly (readonly [(at: number, id: string) => LaterEntry, number])[],
  undo = NO_UNDO,
  from = 0,
): StoredEntry[] {
  const entries: StoredEntry[] = [];
  let at = fold.now.recent[0]?.at ?? NOW;
  for (const [i, [make, wait]] of told.entries()) {
    at += wait;
    const entry = make(at, `d${from + i}`);
    const stored = seal(entry, fold.now.head);
    applyEntry(fold, entry, { stored, bounds, undo });
    entries.push(stored);
  }
  return entries;
}

/** An allow of the operation `op` through one hop. */
const allowOf =
  (act: string, amount: string) =>
  (at: number, id: string): LaterEntry => ({
    kind: 'ask',
    at,
    pep: 'p',
    request: requestId(at),
    content: 'c',
    action: 'a',
    class: 'external',
    effectful: true,
    subject: ANA,
    actor: BOT,
    owner: BOT,
    hops: ['h'],
    operation: 'op',
    act,
    answer: {
      id,
      effect: 'allow',
      reasons: [],
      obligations: [],
      consume: [{ budget: 'money', amount }],
    },
  });

const reportOf = (decision: string): ReportEntry => ({
  kind: 'report',
  at: NOW,
  pep: 'p',
  decision,
  outcome: 'failed',
  proof: 'p',
  seen: { user: '', trusted: '', untrusted: '' },
  lost: false,
});

describe('folds', () => {
  test('what was applied and taken back leaves no mark', () => {
    fc.assert(
      fc.property(story, story, (first, second) => {
        const { fold } = begin();
        tell(fold, first);
        const before = encodeFold(fold, 'k1');
        const undo = new Undo();
        tell(fold, second, undo, first.length);
        undo.run();
        expect(encodeFold(fold, 'k1')).toBe(before);
      }),
    );
  });

  test('a log read again, whole or from a snapshot, makes the same fold', () => {
    fc.assert(
      fc.property(story, story, (first, second) => {
        const { fold, stored } = begin();
        const early = tell(fold, first);
        const snapshot = sealSnapshot(fold, log, keys);
        const anchor = early.at(-1) ?? stored;
        const late = tell(fold, second, NO_UNDO, first.length);
        const whole = unfold({ snapshot: undefined, entries: [stored, ...early, ...late] }, reading);
        const short = unfold({ snapshot, entries: [anchor, ...late] }, reading);
        const text = encodeFold(fold, 'k1');
        expect(whole && encodeFold(whole, 'k1')).toBe(text);
        expect(short && encodeFold(short, 'k1')).toBe(text);
      }),
    );
  });

  test('a fold as text is read back to the same text, and under no other key id or format', () => {
    fc.assert(
      fc.property(story, (told) => {
        const { fold } = begin();
        tell(fold, told);
        const text = encodeFold(fold, 'k1');
        const back = decodeFold(text, 'k1');
        expect(back && encodeFold(back, 'k1')).toBe(text);
        expect(decodeFold(text, 'k2')).toBeUndefined();
        expect(
          decodeFold(text.replace('"format":1,"hopSums"', '"format":2,"hopSums"'), 'k1'),
        ).toBeUndefined();
      }),
    );
  });

  test('what was told of an allow is, in a snapshot without it, what its operation came to', () => {
    const told = (state: Permit['state'], awaited: boolean): string => {
      const { fold } = begin();
      const permit = { pep: 'p', action: 'a', external: true, identity: undefined, consume: [], hops: [] };
      fold.permits.set('d1', { ...permit, state: 'permitted', renewedBy: 'd2' });
      fold.permits.set('d2', { ...permit, state });
      if (awaited) fold.awaited.set('d2', 2);
      const back = decodeFold(encodeFold(fold, 'k1'), 'k1');
      if (back === undefined) throw new Error('a fold is read back');
      expect(toldOf(back, 'd1')).toBe(toldOf(back, 'd2'));
      return toldOf(back, 'd2');
    };
    expect(told('permitted', true)).toBe('nothing');
    expect([told('unknown', true), told('unknown', false)]).toEqual(['silence', 'unknown']);
    expect([told('executed', false), told('failed', false)]).toEqual(['executed', 'failed']);
  });

  /** As a build wrote it that kept neither what tries were told, nor which they renewed, nor sums of the opening. */
  const asEarlier = (fold: Fold, ...left: ('told' | 'renews' | 'opening')[]): Fold => {
    const body = JSON.parse(encodeFold(fold, 'k1'));
    for (const [, permit] of [...body.permits, ...body.reads]) for (const name of left) delete permit[name];
    if (left.includes('opening'))
      body.hopSums = body.hopSums.filter(([name]: [string]) => !name.startsWith('opening '));
    const back = decodeFold(canonicalJson(body), 'k1');
    if (back === undefined) throw new Error('a fold is read back');
    return back;
  };

  test('what chains spent of the opening is, in a snapshot without it, what their permits hold', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.oneof(ask, report), fc.nat(90_000)), { maxLength: 25 }), (told) => {
        const { fold } = begin();
        // Of a read whose permit was forgotten nobody knows what it spent: no more than may be kept.
        const kept = told.map(([make, wait], i): (typeof told)[number] => [
          (at, id) => {
            const entry = make(at, id);
            return entry.kind === 'ask' && i >= bounds.reads ? { ...entry, effectful: true } : entry;
          },
          wait,
        ]);
        tell(fold, kept);
        const text = (of: Fold): string => formatDecimal(of.hopSums.get('opening money') ?? ZERO);
        expect(text(asEarlier(fold, 'opening'))).toBe(text(fold));
      }),
    );
  });

  test('tries that a snapshot does not link are linked, and what one that is out may spend is held again', () => {
    const allow = (at: number, id: string): LaterEntry => ({
      ...(allowOf('one', '900')(at, id) as AskEntry),
      identity: 'pay INV-1',
    });
    const failed =
      (decision: string) =>
      (at: number): LaterEntry => ({ ...reportOf(decision), at });
    const { fold } = begin();
    tell(fold, [
      [allow, 0],
      [allow, 0],
      [failed('d0'), 0],
      [allowOf('two', '1'), 0],
    ]);
    // An earlier build took the failure of the first for that of the operation.
    const latest = fold.permits.get('d1');
    if (latest === undefined) throw new Error('the second allow is held');
    const freed = decodeFold(encodeFold(fold, 'k1'), 'k1');
    if (freed === undefined) throw new Error('a fold is read back');
    release(freed, latest, NO_UNDO);
    freed.permits.set('d1', { ...latest, state: 'failed' });
    expect(encodeFold(asEarlier(freed, 'renews', 'opening'), 'k1')).toBe(encodeFold(fold, 'k1'));
  });

  test('an ask is written as canonical JSON, whatever it holds', () => {
    const words = fc.string({ unit: 'grapheme' });
    const more = fc.record(
      {
        binding: words,
        input: words,
        revision: words,
        activation: fc.nat(),
        data: fc.nat(),
        unvouched: fc.constantFrom('*', 'ab'.repeat(8)),
      },
      { requiredKeys: [] },
    );
    const told = fc.record(
      { causeId: words, executionKey: words, expiresAt: fc.nat(), retryDelayMs: fc.nat() },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(ask, more, told, words, (make, extra, answer, action) => {
        const entry = { ...make(NOW, 'd'), ...extra, action } as AskEntry;
        const whole = { ...entry, answer: { ...entry.answer, ...answer } };
        expect(encodeAsk(whole)).toBe(canonicalJson(whole as unknown as JsonValue));
      }),
    );
  });

  test('whatever may still take effect is held, for each operation the largest of its allows', () => {
    fc.assert(
      fc.property(story, (told) => {
        const { fold } = begin();
        const allowed: [string, string][] = [];
        const heard = told.map(([make, wait]): (typeof told)[number] => [
          (at, id) => {
            const entry = make(at, id);
            if (entry.kind === 'ask' && entry.answer.effect === 'allow')
              allowed.push([id, entry.answer.consume[0]?.amount ?? '0']);
            return entry;
          },
          wait,
        ]);
        tell(fold, heard);
        const held = new Map<string, number>();
        const tries = new Map<string, Told[]>();
        for (const [id, amount] of allowed) {
          const [latest, permit] = findPermit(fold, id);
          if (permit === undefined) continue;
          tries.set(latest, [...(tries.get(latest) ?? []), toldOf(fold, id)]);
          if (permit.state === 'failed') continue;
          held.set(latest, Math.max(held.get(latest) ?? 0, Number(amount)));
        }
        for (const [latest, each] of tries) expect(findPermit(fold, latest)[1]?.state).toBe(stateOf(each));
        const cents = (amount: number): number => Math.round(amount * 100);
        const total = [...held.values()].reduce((sum, amount) => sum + cents(amount), 0);
        // Of reads whose permits were forgotten, the amounts stay spent.
        expect(cents(Number(formatDecimal(fold.now.sums['money'] ?? ZERO)))).toBeGreaterThanOrEqual(total);
      }),
    );
  });

  test('an operation that nobody knows the outcome of stays so under a later allow', () => {
    const { fold } = begin();
    tell(fold, [
      [allowOf('one', '900'), 0],
      [(at) => ({ ...reportOf('d0'), at, outcome: 'unknown' }), 0],
      [allowOf('one', '900'), 0],
    ]);
    expect(findPermit(fold, 'd0')).toMatchObject(['d2', { state: 'unknown' }]);
  });

  test('an operation that stands for another act now takes nothing from the allow of the first', () => {
    const { fold } = begin();
    tell(fold, [
      [allowOf('one', '900'), 0],
      [allowOf('two', '1'), 0],
    ]);
    expect(formatDecimal(fold.now.sums['money'] ?? ZERO)).toBe('901');
    expect(formatDecimal(fold.hopSums.get('h money') ?? ZERO)).toBe('901');
    expect(['d0', 'd1'].map((id) => findPermit(fold, id)[0])).toEqual(['d0', 'd1']);
  });

  test('no story leaves a budget below zero or a standing act that nobody holds', () => {
    fc.assert(
      fc.property(story, (told) => {
        const { fold } = begin();
        tell(fold, told);
        expect(fold.now.sums['money']?.units ?? 0n).toBeGreaterThanOrEqual(0n);
        for (const sum of fold.hopSums.values()) expect(sum.units).toBeGreaterThanOrEqual(0n);
        for (const count of fold.acts.values()) expect(count).toBeGreaterThan(0);
        expect(fold.answers.size).toBeLessThanOrEqual(bounds.answers);
        expect(fold.origins.size).toBeLessThanOrEqual(bounds.origins);
        expect(fold.reads.size).toBeLessThanOrEqual(bounds.reads);
        expect(fold.awaited.size).toBeLessThanOrEqual(bounds.reads);
        expect(Object.keys(fold.now.counts).length).toBeLessThanOrEqual(bounds.actions + 1);
      }),
    );
  });
});
