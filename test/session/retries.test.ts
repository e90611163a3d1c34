import { describe, expect, test } from 'vitest';
import type { Session } from '../../src/model/session.ts';
import { DEFAULT_BOUNDS } from '../../src/session/bounds.ts';
import { createMemorySessionStore } from '../../src/session/memory.ts';
import {
  ANA,
  allow,
  BOT,
  createWorld,
  EVE,
  MANDATE,
  NOW,
  pep,
  refuse,
  requestId,
  said,
  type Wish,
} from './world.ts';

const NO_READINGS = (): readonly string[] => [];

const SEEN = { hash: 'b'.repeat(16), origin: 'trusted' } as const;
const spend = (amount: string) => () => allow({ budget: 'money', amount });

describe('a request id that comes again', () => {
  test('gets the same answer and spends nothing', async () => {
    const world = createWorld();
    const session = await world.open();
    const wish: Wish = { session, request: requestId(NOW), policy: spend('10') };
    const first = await world.ask(wish);
    const again = await world.ask(wish);
    expect(again).toEqual({ ...first, replayed: true });
    expect(await world.room.verbs.get(pep(), session)).toMatchObject({ steps: 1, spent: { money: '10' } });
  });

  test('at the same time gets one answer between them', async () => {
    const world = createWorld();
    const session = await world.open();
    const wish: Wish = { session, request: requestId(NOW), policy: spend('10') };
    const decisions = await Promise.all(Array.from({ length: 8 }, () => world.ask(wish)));
    const allowed = decisions.filter(({ effect }) => effect === 'allow');
    expect(new Set(allowed.map(({ id }) => id)).size).toBe(1);
    for (const decision of decisions)
      if (decision.effect !== 'allow') expect(said(decision)).toBe('session.contended');
    expect(await world.room.verbs.get(pep(), session)).toMatchObject({ steps: 1, spent: { money: '10' } });
  });

  test.each<[string, Wish, string]>([
    ['other arguments', { args: { amount: '11' } }, 'request.changed'],
    ['another subject', { caller: { subject: EVE } }, 'session.not_yours'],
    ['another actor', { caller: { actor: EVE } }, 'session.not_yours'],
    [
      'another actor, a delegate of the first,',
      { caller: { actor: EVE }, authority: { root: { by: BOT, task: 't' } } },
      'session.not_yours',
    ],
    ['another binding', { caller: { binding: 'other-key' } }, 'token.binding'],
  ])('with %s is refused', async (_what, change, code) => {
    const world = createWorld();
    const session = await world.open();
    const wish: Wish = { session, request: requestId(NOW) };
    await world.ask(wish);
    expect(said(await world.ask({ ...wish, ...change }))).toBe(code);
  });

  test.each<['certificate' | 'dpop', string | undefined]>([
    ['certificate', 'certificate'],
    ['dpop', undefined],
  ])('with another %s says what was shown, for the challenge', async (method, bound) => {
    const world = createWorld();
    const wish: Wish = { session: await world.open(), request: requestId(NOW) };
    await world.ask(wish);
    const auth = { method, bound: true, acr: undefined, authTime: undefined };
    const { reasons } = await world.ask({ ...wish, caller: { binding: 'other', auth } });
    expect(reasons[0]).toMatchObject({ code: 'token.binding' });
    expect(reasons[0]?.details?.['bound_to']).toBe(bound);
  });

  test('from another enforcement point is another request', async () => {
    const world = createWorld();
    const session = await world.open();
    const wish: Wish = { session, request: requestId(NOW) };
    const first = await world.ask(wish);
    const other = await world.ask({ ...wish, pep: pep('pep-2') });
    expect(other.replayed).toBeUndefined();
    expect(other.executionKey).not.toBe(first.executionKey);
  });

  test('after close, suspension or expiry is refused like any ask', async () => {
    const world = createWorld();
    const session = await world.open({ expiresAt: NOW + 10_000 });
    const wish: Wish = { session, request: requestId(NOW) };
    await world.ask(wish);
    await world.room.verbs.suspend(pep(), session, '');
    expect(said(await world.ask(wish))).toBe('session.suspended');
    await world.room.verbs.resume(pep(), session);
    expect((await world.ask(wish)).replayed).toBe(true);
    world.clock.at += 10_000;
    expect(said(await world.ask(wish))).toBe('session.expired');
    await world.room.verbs.close(pep(), session);
    expect(said(await world.ask(wish))).toBe('session.task_closed');
  });

  test.each<[string, Wish]>([
    ['the token or chain no longer permits', { authority: { permits: false } }],
    ['the mandate no longer names', {}],
  ])('gets no allow for an action that %s, but an old refusal', async (_what, change) => {
    const world = createWorld();
    const session = await world.open();
    const allowed: Wish = { session, request: requestId(NOW) };
    const refused: Wish = { ...allowed, request: requestId(NOW), policy: () => refuse('policy.unspoken') };
    await world.ask(allowed);
    await world.ask(refused);
    if (change.authority === undefined)
      await world.room.verbs.amend(pep(), session, { ...MANDATE, actions: ['invoice.*'] });
    expect(said(await world.ask({ ...allowed, ...change }))).toBe('authority.exceeded');
    expect(await world.ask({ ...refused, ...change })).toMatchObject({ effect: 'deny', replayed: true });
  });

  test.each([
    ['executed', 'external', 'session.duplicate', 'deny'],
    ['unknown', 'external', 'session.operation_unknown', 'escalate'],
    ['failed', 'external', 'request.too_old', 'deny'],
    ['executed', 'read', 'request.too_old', 'deny'],
    ['unknown', 'read', 'request.too_old', 'deny'],
    ['failed', 'read', 'request.too_old', 'deny'],
  ] as const)('gets no allow that was reported %s (%s), but %s', async (outcome, kind, code, effect) => {
    const world = createWorld();
    const session = await world.open();
    const wish: Wish = { session, request: requestId(NOW), class: kind, policy: spend('10') };
    const { id } = await world.ask(wish);
    await world.report(session, id, outcome, { proof: 'returned by the bank' });
    const before = await world.room.verbs.get(pep(), session);
    const again = await world.ask(wish);
    expect([said(again), again.effect, again.replayed]).toEqual([code, effect, undefined]);
    expect(await world.room.verbs.get(pep(), session)).toEqual(before);
  });

  test('gets no expired allow, but an old refusal', async () => {
    const world = createWorld();
    const session = await world.open();
    const allowed: Wish = { session, request: requestId(NOW) };
    const refused: Wish = {
      session,
      request: requestId(NOW),
      policy: () => refuse('session.rate', 'throttle'),
    };
    await world.ask(allowed);
    await world.ask(refused);
    world.clock.at += 30_000;
    expect(said(await world.ask(allowed))).toBe('request.too_old');
    expect(await world.ask(refused)).toMatchObject({ effect: 'throttle', replayed: true });
  });

  test.each<[string, number, string]>([
    ['as old as the window and the skew of clocks', 660_000, 'allow'],
    ['a millisecond older', 660_001, 'request.too_old'],
    ['of the first day', NOW, 'request.too_old'],
  ])('with an id that is %s, where nothing was forgotten yet: %#', async (_what, age, code) => {
    const world = createWorld();
    const session = await world.open();
    expect(said(await world.ask({ session, request: requestId(NOW - age) }))).toBe(code);
    expect(said(await world.ask({ session }))).toBe('allow');
  });

  test('gets its kept answer until its id is too old, and never after', async () => {
    const world = createWorld();
    const session = await world.open();
    const policy = () => refuse('policy.unspoken');
    const wish: Wish = { session, request: requestId(NOW), policy };
    const first = await world.ask(wish);
    world.clock.at = NOW + 660_000;
    expect(await world.ask(wish)).toEqual({ ...first, replayed: true });
    world.clock.at += 1;
    expect(said(await world.ask(wish))).toBe('request.too_old');
    expect(await world.room.verbs.get(pep(), session)).toMatchObject({ steps: 1 });
  });

  test.each([
    ['by number', { ...DEFAULT_BOUNDS, answers: 3, spentIds: 1 }, 1, 'allow'],
    ['by text', { ...DEFAULT_BOUNDS, answerChars: 2000, spentIds: 1 }, 1, 'allow'],
    // Too old for everybody, by its own time.
    ['by age', DEFAULT_BOUNDS, 200_000, 'request.too_old'],
  ])(
    'after the window has passed %s is refused, as is every older id of that enforcement point',
    async (_what, bounds, step, elsewhere) => {
      const world = createWorld(undefined, { bounds });
      const session = await world.open();
      const early = requestId(NOW - 1);
      const wish: Wish = { session, request: requestId(NOW) };
      await world.ask(wish);
      for (let i = 0; i < 5; i += 1) {
        world.clock.at += step;
        await world.ask({ session });
      }
      expect(said(await world.ask(wish))).toBe('request.too_old');
      expect(said(await world.ask({ session, request: early }))).toBe('request.too_old');
      expect(said(await world.ask({ session, request: early, pep: pep('pep-2') }))).toBe(elsewhere);
      expect(said(await world.ask({ session }))).toBe('allow');
    },
  );
});

test('an id as old as the newest whose id was forgotten can no longer be told from it', async () => {
  const world = createWorld(undefined, { bounds: { ...DEFAULT_BOUNDS, answers: 1, spentIds: 1 } });
  const session = await world.open();
  for (const at of [NOW, NOW + 1, NOW + 2]) {
    world.clock.at = at;
    await world.ask({ session });
  }
  const anew = async (at: number) => said(await world.ask({ session, request: requestId(at) }));
  expect([await anew(NOW - 1), await anew(NOW)]).toEqual(['request.too_old', 'request.too_old']);
  expect(await anew(NOW + 1)).toBe('allow');
});

test('an id whose answer was forgotten is refused, and one that merely waited is not', async () => {
  const world = createWorld(undefined, { bounds: { ...DEFAULT_BOUNDS, answers: 3 } });
  const session = await world.open();
  const early = requestId(NOW);
  const wish: Wish = { session, request: requestId(NOW) };
  await world.ask(wish);
  for (let i = 0; i < 5; i += 1) await world.ask({ session });
  expect(said(await world.ask(wish))).toBe('request.too_old');
  expect(said(await world.ask({ session, request: early }))).toBe('allow');
});

describe('an operation that comes again', () => {
  const identity = 'pay INV-17';
  const facts = (session: Session): Partial<Session> => ({
    duplicate: session.duplicate,
    operation: session.operation,
    remaining: session.remaining,
  });
  async function look(world: ReturnType<typeof createWorld>, wish: Wish): Promise<Partial<Session>> {
    let found: Partial<Session> = {};
    await world.ask({
      ...wish,
      request: requestId(NOW),
      dryRun: true,
      policy: (session) => {
        found = facts(session);
        return allow();
      },
    });
    return found;
  }
  const start = async (more: Wish = {}) => {
    const world = createWorld();
    const session = await world.open();
    const wish: Wish = { session, identity, operation: 'op-1', policy: spend('400'), ...more };
    return { world, session, wish, first: await world.ask(wish) };
  };

  test('under a new request id is judged anew, spends and counts once and keeps its key', async () => {
    const { world, session, wish, first } = await start();
    expect(await look(world, wish)).toEqual({
      duplicate: false,
      operation: 'same',
      remaining: { money: '1000' },
    });
    const seen: unknown[] = [];
    const policy: Wish['policy'] = ({ counts }) => {
      seen.push(counts['payment.send']);
      return allow({ budget: 'money', amount: '400' });
    };
    for (let i = 0; i < 3; i += 1) {
      const again = await world.ask({ ...wish, policy });
      expect([again.effect, again.replayed, again.executionKey]).toEqual([
        'allow',
        undefined,
        first.executionKey,
      ]);
      expect(again.id).not.toBe(first.id);
    }
    expect(seen).toEqual([0, 0, 0]);
    expect(await world.room.verbs.get(pep(), session)).toMatchObject({ steps: 4, spent: { money: '400' } });
    const deny = await world.ask({ ...wish, policy: () => refuse('policy.unspoken') });
    expect(said(deny)).toBe('policy.unspoken');
  });

  test.each([
    ['100', '400', '600'],
    ['700', '700', '300'],
  ])('that now costs %s holds the larger amount, %s', async (amount, spent, left) => {
    const { world, session, wish, first } = await start();
    const again = await world.ask({ ...wish, policy: spend(amount) });
    expect(again).toMatchObject({ effect: 'allow', consume: [{ budget: 'money', amount }] });
    expect(await world.room.verbs.get(pep(), session)).toMatchObject({
      spent: { money: spent },
      remaining: { money: left },
    });
    for (const { id } of [again, first])
      await world.report(session, id, 'failed', { proof: 'returned by the bank' });
    expect((await world.room.verbs.get(pep(), session)).spent).toEqual({ money: '0' });
  });

  test('under a chain that was signed again is held against both chains, once each', async () => {
    const world = createWorld();
    const session = await world.open();
    const limits = { h1: { money: { units: 500n, scale: 0 } }, h2: { money: { units: 500n, scale: 0 } } };
    const by = (hop: 'h1' | 'h2'): Wish => ({
      session,
      authority: { hops: [hop], hopLimits: { [hop]: limits[hop] } },
    });
    const operation = { operation: 'op-1', policy: spend('400') };
    const first = await world.ask({ ...by('h1'), ...operation });
    const second = await world.ask({ ...by('h2'), ...operation });
    expect((await world.room.verbs.get(pep(), session)).spent).toEqual({ money: '400' });
    for (const hop of ['h1', 'h2'] as const)
      expect(said(await world.ask({ ...by(hop), policy: spend('101') }))).toBe('session.budget');
    for (const { id } of [first, second])
      await world.report(session, id, 'failed', { proof: 'returned by the bank' });
    for (const hop of ['h1', 'h2'] as const)
      expect(said(await world.ask({ ...by(hop), policy: spend('101') }))).toBe('allow');
  });

  test('without its operation id is a duplicate', async () => {
    const { world, session } = await start();
    expect(await look(world, { session, identity })).toEqual({
      duplicate: true,
      operation: 'none',
      remaining: { money: '600' },
    });
    expect(await look(world, { session, identity: 'pay INV-18' })).toMatchObject({ duplicate: false });
    expect(await look(world, { session, identity, operation: 'op-2' })).toMatchObject({ duplicate: true });
  });

  const CHANGES: readonly [string, Wish][] = [
    ['another business act', { identity: 'pay INV-18' }],
    ['other arguments', { args: { amount: '12' } }],
    ['another action', { action: 'payment.refund' }],
    ['another resource', { resource: 'INV-18' }],
    ['another agent', { caller: { actor: EVE }, authority: { root: { by: BOT, task: 'invoice_run' } } }],
    ['another enforcement point', { pep: pep('pep-2') }],
  ];

  test.each(CHANGES)('for %s is refused, tried or asked, and frees nothing', async (_what, change) => {
    const { world, session, wish } = await start();
    for (const dryRun of [true, false]) {
      const refused = await world.ask({ ...wish, ...change, dryRun });
      expect([refused.effect, said(refused)]).toEqual(['deny', 'session.operation_changed']);
    }
    world.clock.at += 30_000;
    expect(said(await world.ask({ ...wish, ...change }))).toBe('session.operation_changed');
    expect(await world.room.verbs.get(pep(), session)).toMatchObject({ steps: 1, spent: { money: '400' } });
  });

  test.each([
    ['executed', 'session.operation_changed'],
    ['unknown', 'session.operation_changed'],
    ['failed', 'allow'],
  ] as const)('for another act after it was reported %s: %s', async (outcome, code) => {
    const { world, session, wish, first } = await start();
    await world.report(session, first.id, outcome, { proof: 'returned by the bank' });
    expect(said(await world.ask({ ...wish, args: { amount: '12' } }))).toBe(code);
    expect((await world.room.verbs.get(pep(), session)).spent).toEqual({ money: '400' });
  });

  test('of the same caller with another key is judged anew', async () => {
    const { world, session, wish } = await start();
    const other = await world.ask({ ...wish, caller: { binding: 'other-key' } });
    expect([other.effect, other.replayed]).toEqual(['allow', undefined]);
    expect((await world.room.verbs.get(pep(), session)).spent).toEqual({ money: '400' });
  });

  test('from another enforcement point takes no report away from the first', async () => {
    const { world, session, wish, first } = await start();
    await world.ask({ ...wish, pep: pep('pep-2') });
    expect(await world.report(session, first.id, 'executed', { seen: [SEEN] })).toBe(1);
  });

  test.each([
    ['executed', 'external', 'session.duplicate', '400'],
    ['unknown', 'external', 'session.operation_unknown', '400'],
    ['failed', 'external', 'allow', '400'],
    ['executed', 'read', 'allow', '800'],
    ['unknown', 'read', 'session.operation_unknown', '400'],
    ['failed', 'read', 'allow', '400'],
  ] as const)('after it was %s (%s) under a new request id: %s', async (outcome, kind, code, spent) => {
    // The policy would allow anything.
    const { world, session, wish, first } = await start({ class: kind, identity: undefined });
    await world.report(session, first.id, outcome, { proof: 'returned by the bank' });
    const again = await world.ask(wish);
    expect([said(again), again.replayed]).toEqual([code, undefined]);
    expect(await world.room.verbs.get(pep(), session)).toMatchObject({ steps: 2, spent: { money: spent } });
  });

  test('of a read that was done is judged by what is really left', async () => {
    const { world, session, wish, first } = await start({ class: 'read', identity: undefined });
    await world.report(session, first.id, 'executed');
    expect(await look(world, wish)).toEqual({
      duplicate: false,
      operation: 'none',
      remaining: { money: '600' },
    });
  });

  test('that failed and was allowed again is not undone by what is told of the first allow', async () => {
    const { world, session, wish, first } = await start();
    const proof = { proof: 'returned by the bank' };
    await world.report(session, first.id, 'failed', proof);
    const again = await world.ask(wish);
    await world.report(session, first.id, 'failed', proof);
    expect((await world.room.verbs.get(pep(), session)).spent).toEqual({ money: '400' });
    await world.report(session, again.id, 'executed');
    expect((await world.room.verbs.get(pep(), session)).spent).toEqual({ money: '400' });
  });

  test('after its permit expired is judged anew and spends once', async () => {
    const { world, session, wish, first } = await start();
    world.clock.at += 30_000;
    const again = await world.ask(wish);
    expect([again.effect, again.replayed, again.executionKey]).toEqual([
      'allow',
      undefined,
      first.executionKey,
    ]);
    expect(again.id).not.toBe(first.id);
    for (const [id, money] of [
      [first.id, '400'],
      [again.id, '0'],
    ] as const) {
      expect((await world.room.verbs.get(pep(), session)).spent).toEqual({ money: '400' });
      await world.report(session, id, 'failed', { proof: 'returned by the bank' });
      expect((await world.room.verbs.get(pep(), session)).spent).toEqual({ money });
    }
  });

  test('after it was executed is a duplicate, and wants for nothing else', async () => {
    const { world, session, wish, first } = await start();
    await world.report(session, first.id, 'executed');
    expect(await look(world, wish)).toEqual({
      duplicate: true,
      operation: 'none',
      remaining: { money: '1000' },
    });
  });

  test('after an unknown outcome says so, and is its own duplicate no longer', async () => {
    const { world, session, wish, first } = await start();
    await world.report(session, first.id, 'unknown');
    expect(await look(world, wish)).toMatchObject({ duplicate: false, operation: 'unknown' });
    await world.report(session, first.id, 'executed');
    expect(await look(world, wish)).toMatchObject({ duplicate: true, operation: 'none' });
  });

  test.each([
    ['external without proof', 'external', '', 'unknown', '600'],
    ['external with proof', 'external', 'bank message 17', 'none', '1000'],
    ['internal without proof', 'write', '', 'none', '1000'],
  ] as const)('after a failure that is %s', async (_what, kind, proof, operation, money) => {
    const { world, session, wish, first } = await start({ class: kind });
    await world.report(session, first.id, 'failed', { proof });
    const seen = await look(world, { ...wish, identity });
    expect(seen.operation).toBe(operation);
    expect(seen.duplicate).toBe(false);
    expect((await world.room.verbs.get(pep(), session)).remaining).toEqual({ money });
  });

  test('past the bound of permits is refused as full, and refusals still go through', async () => {
    const world = createWorld(undefined, { bounds: { ...DEFAULT_BOUNDS, permits: 2 } });
    const session = await world.open();
    for (const name of ['a', 'b']) expect(said(await world.ask({ session, identity: name }))).toBe('allow');
    expect(said(await world.ask({ session, identity: 'c' }))).toBe('session.full');
    expect(said(await world.ask({ session, class: 'read' }))).toBe('allow');
    expect((await world.room.verbs.get(pep(), session)).steps).toBe(4);
  });
});

describe('reports', () => {
  test('only the one that asked reports, and once', async () => {
    const world = createWorld();
    const session = await world.open();
    const { id } = await world.ask({ session });
    await expect(world.report(session, id, 'executed', { pep: pep('pep-2') })).rejects.toMatchObject({
      reason: { code: 'session.not_yours' },
    });
    await world.report(session, id, 'executed');
    const { head } = await world.room.verbs.get(pep(), session);
    // No record is believed for a second output, and the answer does not say so either.
    expect(await world.report(session, id, 'executed', { seen: [SEEN] })).toBe(0);
    expect((await world.room.verbs.get(pep(), session)).head).toEqual(head);
    await expect(world.report(session, id, 'failed', { proof: 'x' })).rejects.toMatchObject({
      field: 'outcome',
    });
  });

  const hash = (digit: number): string => String(digit).repeat(16);
  const trusts = (...digits: number[]) => digits.map((d) => ({ hash: hash(d), origin: 'trusted' as const }));
  const warns = (...digits: number[]) => digits.map((d) => ({ hash: hash(d), origin: 'untrusted' as const }));

  async function house(more: Wish = {}) {
    const store = createMemorySessionStore();
    const world = createWorld(store);
    const session = await world.open();
    const ask = async () => (await world.ask({ session, class: 'read', ...more })).id;
    const head = async () => (await world.room.verbs.get(pep(), session)).head.version;
    const spent = async () => (await world.room.verbs.get(pep(), session)).spent;
    const origins = async (...digits: number[]): Promise<unknown[]> => {
      let found: unknown[] = [];
      const policy: Wish['policy'] = ({ originOf }) => {
        found = digits.map((digit) => originOf(hash(digit), NO_READINGS));
        return allow();
      };
      for (const on of [world, createWorld(store)]) {
        const before = found;
        await on.ask({ session, class: 'read', dryRun: true, policy });
        if (on !== world) expect(found).toEqual(before);
      }
      return found;
    };
    return { world, session, ask, head, spent, origins };
  }

  test('of one allow made again bring only words of others that were not known, and once', async () => {
    const { world, session, ask, head, origins } = await house();
    const id = await ask();
    const first = { seen: [...trusts(1), ...warns(2)] };
    expect(await world.report(session, id, 'executed', first)).toBe(2);
    const before = await head();
    expect(await world.report(session, id, 'executed', first)).toBe(0);
    expect(await head()).toBe(before);
    const second = { seen: [...trusts(3), ...warns(1, 2, 4)] };
    // What stood beside a record of the first is held against the records of others.
    expect(await world.report(session, id, 'executed', second)).toBe(2);
    expect(await head()).toBe(before + 1);
    for (const again of [first, second]) expect(await world.report(session, id, 'executed', again)).toBe(0);
    expect(await head()).toBe(before + 1);
    expect(await origins(1, 2, 3, 4)).toEqual(['trusted', 'untrusted', 'unknown', 'untrusted']);
  });

  test('of one allow made again and cut: what a record said since the allow is not trusted, whatever was lost later', async () => {
    const { world, session, ask, head, origins } = await house();
    const first = await ask();
    await world.report(session, first, 'executed', {});
    await world.report(session, await ask(), 'executed', { seen: trusts(1) });
    await world.report(session, await ask(), 'executed', { lost: true });
    expect(await origins(1)).toEqual(['trusted']);
    await world.report(session, first, 'executed', { lost: true });
    expect(await origins(1)).toEqual(['unknown']);
    const before = await head();
    await world.report(session, first, 'executed', { lost: true });
    expect(await head()).toBe(before);
  });

  test('of one allow made again and cut: what is new from then on is not trusted', async () => {
    const { world, session, ask, head, origins } = await house();
    const id = await ask();
    await world.report(session, id, 'executed', { seen: trusts(1) });
    await world.report(session, id, 'executed', { lost: true });
    const before = await head();
    await world.report(session, id, 'executed', { lost: true });
    expect(await head()).toBe(before);
    await world.report(session, await ask(), 'executed', { seen: trusts(2) });
    expect(await origins(1, 2)).toEqual(['trusted', 'unknown']);
  });

  const OUTCOMES = ['executed', 'failed', 'unknown'] as const;
  test.each(OUTCOMES.flatMap((one) => OUTCOMES.map((two) => [one, two] as const)))(
    'of two tries of one operation both bring their words: one %s, the other %s',
    async (one, two) => {
      for (const turned of [false, true]) {
        const { world, session, ask, head, origins } = await house({ operation: 'op' });
        const [first, second] = [await ask(), await ask()];
        const [early, late] = turned ? [second, first] : [first, second];
        const told = { seen: [...trusts(1), ...warns(2)] };
        expect(await world.report(session, early, one, told)).toBe(2);
        expect(await world.report(session, late, two, { seen: [...trusts(3), ...warns(4)] })).toBe(2);
        expect(await origins(1, 2, 3, 4)).toEqual(['trusted', 'untrusted', 'trusted', 'untrusted']);
        const before = await head();
        await world.report(session, early, one, told);
        await world.report(session, late, two, { seen: [...trusts(3), ...warns(4)] });
        expect(await head()).toBe(before);
      }
    },
  );

  const proof = { proof: 'returned by the bank' };
  test.each([
    ['executed', 'failed', '400', 'executed'],
    ['executed', 'unknown', '400', 'executed'],
    ['failed', 'executed', '400', 'executed'],
    ['failed', 'unknown', '400', 'unknown'],
    ['unknown', 'failed', '400', 'unknown'],
    ['failed', 'failed', '0', 'failed'],
  ] as const)('of two tries of one payment, %s then %s: %s is spent', async (one, two, money, state) => {
    const { world, session, ask, head, spent } = await house({
      class: 'external',
      operation: 'op',
      policy: spend('400'),
    });
    const [first, second] = [await ask(), await ask()];
    await world.report(session, first, one, proof);
    await world.report(session, second, two, proof);
    expect(await spent()).toEqual({ money });
    const before = await head();
    await world.report(session, first, one, proof);
    await world.report(session, second, two, proof);
    // Words that come late settle nothing again.
    await world.report(session, first, one, { ...proof, seen: warns(7) });
    expect([await head(), await spent()]).toEqual([before + 1, { money }]);
    const code = { executed: 'session.duplicate', unknown: 'session.operation_unknown', failed: 'allow' };
    const again = await world.ask({ session, class: 'external', operation: 'op', policy: spend('400') });
    expect(said(again)).toBe(code[state]);
  });

  test.each([
    ['executed', 'failed'],
    ['executed', 'unknown'],
    ['failed', 'unknown'],
  ] as const)('of one try contradict themselves, whatever the others came to: %s, %s', async (one, two) => {
    for (const others of OUTCOMES) {
      const { world, session, ask, head } = await house({ class: 'external', operation: 'op' });
      const [first, second] = [await ask(), await ask()];
      await world.report(session, first, one, proof);
      await world.report(session, second, others, proof);
      const before = await head();
      const told = world.report(session, first, two, { ...proof, seen: warns(1) });
      await expect(told).rejects.toMatchObject({ field: 'outcome' });
      expect(await head()).toBe(before);
    }
  });

  test('that nobody knows is still to bring its output, once', async () => {
    const { world, session, ask, head, origins } = await house();
    const id = await ask();
    for (let i = 0; i < 2; i += 1) await world.report(session, id, 'unknown');
    const before = await head();
    expect(await world.report(session, id, 'unknown', { seen: trusts(1) })).toBe(1);
    expect(await world.report(session, id, 'executed', { seen: [...trusts(2), ...warns(3)] })).toBe(1);
    expect(await head()).toBe(before + 2);
    expect(await origins(1, 2, 3)).toEqual(['trusted', 'unknown', 'untrusted']);
  });

  test('only allows are reported, and only into their session', async () => {
    const world = createWorld();
    const session = await world.open();
    const denied = await world.ask({ session, policy: () => refuse('policy.unspoken') });
    const allowed = await world.ask({ session });
    const other = await world.open();
    for (const [where, id] of [
      [session, denied.id],
      [other, allowed.id],
      [session, 'nonsense'],
    ] as const)
      await expect(world.report(where, id, 'executed')).rejects.toMatchObject({ field: 'decision_id' });
    await world.room.verbs.close(pep(), session);
    await expect(world.report(session, allowed.id, 'executed')).rejects.toMatchObject({
      reason: { code: 'session.task_closed' },
    });
  });

  test('values keep the origin they were first seen with, unless the user names them', async () => {
    const world = createWorld();
    const session = await world.open();
    const [a, b, c, user] = ['1', '2', '3', 'a'].map((digit) => digit.repeat(16));
    if (!a || !b || !c || !user) throw new Error('four hashes');
    const tell = async (seen: Parameters<typeof world.report>[3] & object) =>
      world.report(session, (await world.ask({ session, class: 'read' })).id, 'executed', seen);
    expect(
      await tell({
        seen: [
          { hash: a, origin: 'untrusted' },
          { hash: b, origin: 'trusted' },
          { hash: user, origin: 'untrusted' },
        ],
      }),
    ).toBe(3);
    await tell({
      seen: [
        { hash: a, origin: 'trusted' },
        { hash: b, origin: 'untrusted' },
        { hash: c, origin: 'trusted' },
        { hash: c, origin: 'untrusted' },
      ],
    });
    let origins: unknown[] = [];
    await world.ask({
      session,
      policy: ({ originOf }) => {
        origins = [a, b, c, user].map((one) => originOf(one, NO_READINGS));
        return allow();
      },
    });
    expect(origins).toEqual(['untrusted', 'trusted', 'trusted', 'user']);
  });

  test('forgotten untrusted values do not come back as trusted', async () => {
    const world = createWorld(undefined, { bounds: { ...DEFAULT_BOUNDS, origins: 64 } });
    const session = await world.open();
    const hash = (i: number): string => i.toString(16).padStart(16, '0');
    const bad = hash(9999);
    const tell = async (seen: { hash: string; origin: 'trusted' | 'untrusted' }[]) =>
      world.report(session, (await world.ask({ session, class: 'read' })).id, 'executed', { seen });
    await tell([{ hash: bad, origin: 'untrusted' }]);
    await tell(Array.from({ length: 80 }, (_, i) => ({ hash: hash(i), origin: 'untrusted' as const })));
    await tell([{ hash: bad, origin: 'trusted' }]);
    let origin = 'not asked';
    await world.ask({
      session,
      policy: ({ originOf }) => {
        origin = originOf(bad, NO_READINGS);
        return allow();
      },
    });
    expect(origin).toBe('unknown');
  });

  test('the subject of a session is no part of what a report may change', async () => {
    const world = createWorld();
    const session = await world.open({ subject: ANA });
    const { id } = await world.ask({ session });
    await world.report(session, id, 'unknown');
    expect((await world.room.verbs.get(pep(), session)).subject).toEqual(ANA);
  });
});
