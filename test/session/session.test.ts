import { describe, expect, test } from 'vitest';
import type { Authority } from '../../src/model/authority.ts';
import { parseDecimal, ZERO } from '../../src/model/decimal.ts';
import type { Mandate } from '../../src/model/mandate.ts';
import type { Session } from '../../src/model/session.ts';
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

const NO = refuse('policy.unspoken');

/** Runs the ask and hands back what policy saw. */
async function seenBy(world: ReturnType<typeof createWorld>, wish: Wish): Promise<Session> {
  let session: Session | undefined;
  await world.ask({
    ...wish,
    policy: (given) => {
      session = given;
      return refuse('policy.unspoken');
    },
  });
  if (session === undefined) throw new Error('policy was not asked');
  return session;
}

describe('the door of a session', () => {
  test.each<[string, Wish, string]>([
    ['an unknown session', { session: 'AAAAAAAAAAAAAAAAAAAAAA' }, 'session.unknown'],
    ['an id that is none of ours', { session: '../../etc:{x}' }, 'session.unknown'],
    ['no session for an action that needs one', {}, 'session.required'],
    [
      'an open key of a pep that may not open',
      { session: { kind: 'open', key: 'k', mandate: {} as never }, pep: pep('p', 'acme', ['asker']) },
      'session.unknown',
    ],
  ])('%s is refused', async (_what, wish, code) => {
    const decision = await createWorld().ask(wish);
    expect([decision.effect, said(decision), decision.committed]).toEqual(['deny', code, undefined]);
  });

  test('a stateless action needs no session and leaves none', async () => {
    const decision = await createWorld().ask({ stateless: true, class: 'read' });
    expect(decision).toMatchObject({ effect: 'allow', expiresAt: NOW + 30_000 });
    expect(decision.committed).toBeUndefined();
    expect(decision.executionKey).toBeUndefined();
  });

  test('a session of another tenant is unknown', async () => {
    const world = createWorld();
    const session = await world.open();
    expect(said(await world.ask({ session, pep: pep('pep-1', 'other') }))).toBe('session.unknown');
  });

  test('the first ask binds subject and actor, and others are refused without a step', async () => {
    const world = createWorld();
    const session = await world.open();
    expect(said(await world.ask({ session }))).toBe('allow');
    expect(said(await world.ask({ session, caller: { subject: EVE } }))).toBe('session.not_yours');
    expect(said(await world.ask({ session, caller: { actor: EVE } }))).toBe('session.not_yours');
    expect(
      said(await world.ask({ session, caller: { subject: { ...ANA, iss: 'https://evil.example' } } })),
    ).toBe('session.not_yours');
    expect(
      said(await world.ask({ session, caller: { actor: { ...BOT, iss: 'https://evil.example' } } })),
    ).toBe('session.not_yours');
    expect(await world.room.verbs.get(pep(), session)).toMatchObject({ subject: ANA, actor: BOT, steps: 1 });
  });

  test('a mandate that names subject and actor binds them before the first ask', async () => {
    const world = createWorld();
    const session = await world.open({ subject: ANA, actor: BOT });
    expect(said(await world.ask({ session, caller: { actor: EVE } }))).toBe('session.not_yours');
    expect(said(await world.ask({ session }))).toBe('allow');
  });

  test("a delegate of the session's actor comes in, a delegate of another does not", async () => {
    const world = createWorld();
    const session = await world.open();
    await world.ask({ session });
    const by = (root: typeof BOT): Wish => ({
      session,
      caller: { actor: EVE },
      authority: { root: { by: root, task: 't' } },
    });
    expect(said(await world.ask(by(BOT)))).toBe('allow');
    expect(said(await world.ask(by(EVE)))).toBe('session.not_yours');
  });

  test("a session whose first ask is a delegate's belongs to the root of its chain", async () => {
    const world = createWorld();
    const session = await world.open();
    await world.ask({ session, caller: { actor: EVE }, authority: { root: { by: BOT, task: 't' } } });
    expect(said(await world.ask({ session }))).toBe('allow');
    expect(said(await world.ask({ session, caller: { actor: EVE } }))).toBe('session.not_yours');
  });

  test('closed, suspended and expired sessions refuse, and take no step', async () => {
    const world = createWorld();
    const session = await world.open();
    await world.room.verbs.suspend(pep(), session, 'looks odd');
    expect(said(await world.ask({ session }))).toBe('session.suspended');
    await world.room.verbs.resume(pep(), session);
    expect(said(await world.ask({ session }))).toBe('allow');
    world.clock.at += 3_600_000;
    expect(said(await world.ask({ session }))).toBe('session.expired');
    await world.room.verbs.close(pep(), session);
    expect(said(await world.ask({ session }))).toBe('session.task_closed');
    expect((await world.room.verbs.get(pep(), session)).steps).toBe(1);
  });
});

test('an allow keeps of its arguments what nobody had vouched for, a refusal nothing', async () => {
  const store = createMemorySessionStore();
  const [known, fresh] = ['a'.repeat(16), 'b'.repeat(16)];
  const world = createWorld(store, {
    readArguments: (_tenant, _action, { isVouched }) => ({
      hashes: [known, fresh].filter((hash) => !isVouched(hash)),
      complete: true,
      open: '',
    }),
  });
  const session = await world.open();
  await world.ask({ session });
  await world.ask({ session, policy: () => refuse('session.rate') });
  const stored = await store.load({ tenant: 'acme', session });
  const kept = stored?.entries.map(({ payload }) => (JSON.parse(payload) as { entry: object }).entry);
  expect(kept?.map((entry) => Reflect.get(entry, 'unvouched'))).toEqual([undefined, fresh, undefined]);
});

describe('what policy sees of a session', () => {
  test('a new session', async () => {
    const world = createWorld();
    const session = await seenBy(world, { session: await world.open() });
    expect(session).toMatchObject({
      state: 'open',
      subject: undefined,
      age: 0,
      steps: 0,
      denials: 0,
      recent: [],
      duplicate: false,
      operation: 'none',
      counts: {},
      rate: { action_per_second: 0, action_per_minute: 0, session_per_minute: 0 },
      throttles: {},
      sums: {},
      remaining: { money: '1000' },
      task: {
        type: 'invoice_run',
        purpose: 'pay invoice INV-17',
        state: 'open',
        declared: { invoice: 'INV-17' },
      },
      mandatePermits: true,
      answered: undefined,
    });
    expect(session.originOf('aaaaaaaaaaaaaaaa', NO_READINGS)).toBe('user');
    expect(session.originOf('bbbbbbbbbbbbbbbb', NO_READINGS)).toBe('unknown');
  });

  test('steps, denials, counts and recent actions, refusals after the door included', async () => {
    const world = createWorld();
    const session = await world.open();
    await world.ask({ session, action: 'invoice.read', class: 'read' });
    await world.ask({ session, policy: () => refuse('policy.unspoken') });
    await world.ask({
      session,
      policy: () => {
        throw new Error('boom');
      },
    });
    world.clock.at += 90_000;
    expect(await seenBy(world, { session })).toMatchObject({
      age: 90,
      steps: 3,
      denials: 2,
      counts: { 'invoice.read': 1 },
      recent: [
        { action: 'payment.send', effect: 'deny' },
        { action: 'payment.send', effect: 'deny' },
        { action: 'invoice.read', effect: 'allow' },
      ],
    });
    expect(world.faults).toHaveLength(1);
  });

  test('the last 8 of many actions', async () => {
    const world = createWorld();
    const session = await world.open();
    for (let i = 0; i < 40; i += 1) await world.ask({ session, action: `invoice.a${i}` });
    const { recent } = await seenBy(world, { session });
    expect(recent.map(({ action }) => action)).toEqual(
      [39, 38, 37, 36, 35, 34, 33, 32].map((i) => `invoice.a${i}`),
    );
    expect((await world.room.verbs.get(pep(), session)).recent).toHaveLength(32);
  });

  test('rates count allows and escalations of the last second and minute, and no throttles', async () => {
    const world = createWorld();
    const session = await world.open();
    for (let i = 0; i < 3; i += 1) await world.ask({ session });
    world.clock.at += 30_000;
    await world.ask({ session, policy: () => refuse('provenance.untrusted', 'escalate') });
    await world.ask({ session, policy: () => refuse('session.rate', 'throttle') });
    await world.ask({ session, action: 'invoice.read' });
    expect((await seenBy(world, { session })).rate).toEqual({
      action_per_second: 1,
      action_per_minute: 4,
      session_per_minute: 5,
    });
    world.clock.at += 40_000;
    expect((await seenBy(world, { session })).rate).toEqual({
      action_per_second: 0,
      action_per_minute: 1,
      session_per_minute: 2,
    });
  });

  test('throttles by code since the action was last allowed', async () => {
    const world = createWorld();
    const session = await world.open();
    const slow = { session, policy: () => refuse('session.rate', 'throttle') };
    await world.ask(slow);
    await world.ask(slow);
    await world.ask({ session, action: 'invoice.read' });
    expect((await seenBy(world, { session })).throttles).toEqual({ 'session.rate': 2 });
    await world.ask({ session });
    expect((await seenBy(world, { session })).throttles).toEqual({});
  });

  test('names that objects inherit are counted like any other', async () => {
    const world = createWorld();
    const session = await world.open();
    for (const action of ['__proto__', 'constructor', 'toString']) await world.ask({ session, action });
    const { counts, rate } = await seenBy(world, { session, action: '__proto__' });
    expect(Object.entries(counts).sort()).toEqual([
      ['__proto__', 1],
      ['constructor', 1],
      ['toString', 1],
    ]);
    expect(rate.action_per_minute).toBe(1);
  });

  test.each([
    ['payment.send', true],
    ['invoice.read', true],
    ['invoice.', true],
    ['invoice', false],
    ['invoicex.read', false],
    ['payment.send.now', false],
  ])('whether the mandate names %s', async (action, named) => {
    const world = createWorld();
    expect((await seenBy(world, { session: await world.open(), action })).mandatePermits).toBe(named);
  });

  test('more action names than are counted one by one share one count', async () => {
    const world = createWorld();
    const session = await world.open();
    for (let i = 0; i < 260; i += 1) await world.ask({ session, action: `invoice.n${i}` });
    expect((await seenBy(world, { session, action: 'invoice.never' })).counts['invoice.never']).toBe(4);
    expect((await seenBy(world, { session, action: 'invoice.n0' })).counts['invoice.n0']).toBe(1);
  });
});

describe('budgets', () => {
  const pay = (session: string, amount: string, more: Partial<Wish> = {}): Wish => ({
    session,
    policy: () => allow({ budget: 'money', amount }),
    ...more,
  });

  test('only allows spend, exactly', async () => {
    const world = createWorld();
    const session = await world.open();
    await world.ask(pay(session, '0.1'));
    await world.ask(pay(session, '0.2'));
    await world.ask({
      session,
      policy: () => ({ ...refuse('policy.unspoken'), consume: [{ budget: 'money', amount: '5' }] }),
    });
    expect(await seenBy(world, { session })).toMatchObject({
      sums: { money: '0.3' },
      remaining: { money: '999.7' },
    });
  });

  test.each([
    ['more than is left', [{ budget: 'money', amount: '1000.01' }]],
    [
      'more than is left in two parts',
      [
        { budget: 'money', amount: '600' },
        { budget: 'money', amount: '600' },
      ],
    ],
    ['a budget that the mandate does not name', [{ budget: 'gold', amount: '1' }]],
    ['a budget that objects inherit', [{ budget: 'constructor', amount: '1' }]],
    ['a negative amount', [{ budget: 'money', amount: '-1' }]],
    ['an amount that is no decimal', [{ budget: 'money', amount: '1e3' }]],
  ])('an allow that takes %s becomes a committed deny', async (_what, consume) => {
    const world = createWorld();
    const session = await world.open();
    const decision = await world.ask({ session, policy: () => allow(...consume) });
    expect([decision.effect, said(decision), decision.committed?.version]).toEqual([
      'deny',
      'session.budget',
      2,
    ]);
    expect(await seenBy(world, { session })).toMatchObject({ remaining: { money: '1000' }, denials: 1 });
  });

  const hundred = parseDecimal('100') ?? ZERO;
  const via = (leaf: string, own: Authority['hopLimits'][string] = {}): Partial<Wish> => ({
    caller: { actor: EVE },
    authority: {
      hops: ['root-hop', leaf],
      hopLimits: { 'root-hop': { money: hundred }, [leaf]: own },
      root: { by: BOT, task: 't' },
      depth: 2,
    },
  });

  test('delegates in parallel share exactly what their common ancestor has', async () => {
    const world = createWorld();
    const session = await world.open({ actor: BOT });
    expect(said(await world.ask(pay(session, '70', via('left'))))).toBe('allow');
    expect(said(await world.ask(pay(session, '40', via('right'))))).toBe('session.budget');
    expect(said(await world.ask(pay(session, '30', via('right'))))).toBe('allow');
    expect((await seenBy(world, { session, ...via('left') })).remaining).toEqual({ money: '0' });
    expect((await seenBy(world, { session })).remaining).toEqual({ money: '900' });
  });

  test('what one delegate spends is not held against the own limit of another', async () => {
    const world = createWorld();
    const session = await world.open({ actor: BOT });
    const own = (leaf: string) => via(leaf, { money: parseDecimal('40') ?? ZERO });
    expect(said(await world.ask(pay(session, '40', own('left'))))).toBe('allow');
    expect(said(await world.ask(pay(session, '1', own('left'))))).toBe('session.budget');
    expect((await seenBy(world, { session, ...own('right') })).remaining).toEqual({ money: '40' });
    expect(said(await world.ask(pay(session, '40', own('right'))))).toBe('allow');
    expect((await seenBy(world, { session, ...own('third') })).remaining).toEqual({ money: '20' });
  });

  test('asks that race in one replica never overspend', async () => {
    const world = createWorld();
    const session = await world.open({ limits: { money: '7' } });
    const decisions = await Promise.all(Array.from({ length: 50 }, () => world.ask(pay(session, '1'))));
    expect(decisions.filter(({ effect }) => effect === 'allow')).toHaveLength(7);
    expect(new Set(decisions.map(({ committed }) => committed?.version)).size).toBe(50);
  });
});

test('an operation is free for another act once another replica was told that it failed', async () => {
  const store = createMemorySessionStore();
  const [world, elsewhere] = [createWorld(store), createWorld(store)];
  const session = await world.open();
  const act = (invoice: string): Wish => ({
    session,
    identity: invoice,
    operation: 'op',
    args: { invoice },
    policy: () => allow({ budget: 'money', amount: '10' }),
  });
  const { id } = await world.ask(act('INV-1'));
  // Known here too, and open.
  expect(said(await elsewhere.ask(act('INV-2')))).toBe('session.operation_changed');
  await world.report(session, id, 'failed', { proof: 'refused by the bank' });
  expect(said(await elsewhere.ask(act('INV-2')))).toBe('allow');
  expect((await elsewhere.room.verbs.get(pep(), session)).spent).toEqual({ money: '10' });
});

describe('answers', () => {
  test('no allow outlives the first hop of its chain to end', async () => {
    const world = createWorld();
    const session = await world.open();
    const authority = { expiresAt: NOW + 4000 };
    const wishes: Wish[] = [{ session }, { session, class: 'read' }, { class: 'read', stateless: true }];
    for (const wish of wishes) expect((await world.ask({ ...wish, authority })).expiresAt).toBe(NOW + 4000);
  });

  test('an effectful allow is bounded by lifetime, mandate and token, and has a key of its own', async () => {
    const world = createWorld();
    const session = await world.open({ expiresAt: NOW + 20_000 });
    const first = await world.ask({ session });
    const second = await world.ask({ session, caller: { expiresAt: NOW + 5000 } });
    const read = await world.ask({ session, class: 'read' });
    expect([first.expiresAt, second.expiresAt, read.expiresAt]).toEqual([
      NOW + 20_000,
      NOW + 5000,
      NOW + 20_000,
    ]);
    expect(first.executionKey).toMatch(/^[\w-]{22}$/);
    expect(second.executionKey).not.toBe(first.executionKey);
    expect(read.executionKey).toBeUndefined();
    expect(first.committed).toMatchObject({ session, version: 2 });
  });

  test('refusals of one cause carry one cause id, others another', async () => {
    const world = createWorld();
    const session = await world.open();
    const causes = [];
    for (const [action, code] of [
      ['a', 'session.rate'],
      ['a', 'session.rate'],
      ['b', 'session.rate'],
      ['a', 'policy.unspoken'],
    ] as const)
      causes.push((await world.ask({ session, action, policy: () => refuse(code) })).causeId);
    const other = await world.ask({
      session: await world.open(),
      action: 'a',
      policy: () => refuse('session.rate'),
    });
    expect(causes[0]).toBe(causes[1]);
    expect(new Set([...causes, other.causeId]).size).toBe(4);
    expect((await world.ask({ session })).causeId).toBeUndefined();
  });

  test('a dry run commits nothing, spends nothing and is no permit', async () => {
    const world = createWorld();
    const session = await world.open();
    const wish: Wish = {
      session,
      request: requestId(NOW),
      operation: 'op',
      policy: () => allow({ budget: 'money', amount: '10' }),
    };
    await world.ask(wish);
    const dry = await world.ask({ ...wish, dryRun: true });
    expect(dry.effect).toBe('allow');
    expect([dry.replayed, dry.expiresAt, dry.executionKey, dry.committed]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(await seenBy(world, { session })).toMatchObject({ steps: 1, sums: { money: '10' } });
  });

  test("no allow is committed past the ask's deadline, yet a refusal is", async () => {
    const world = createWorld();
    const session = await world.open();
    const late: Wish = { session, deadline: NOW - 1 };
    await expect(world.ask(late)).rejects.toMatchObject({ reason: 'DEADLINE_PASSED' });
    expect(said(await world.ask({ ...late, policy: () => refuse('policy.unspoken') }))).toBe(
      'policy.unspoken',
    );
    expect((await world.room.verbs.get(pep(), session)).steps).toBe(1);
  });

  test('an allow whose deadline passes while it waits behind another append is not sent, and what came after is judged again', async () => {
    const store = createMemorySessionStore();
    let hold: Promise<void> = Promise.resolve();
    const world = createWorld({
      ...store,
      append: async (...args) => {
        await hold;
        return store.append(...args);
      },
    });
    const session = await world.open();
    await world.ask({ session });
    let letGo = (): void => {};
    hold = new Promise((resolve) => {
      letGo = resolve;
    });
    const first = world.ask({ session });
    const doomed = world.ask({ session, deadline: NOW + 10 });
    const after = world.ask({
      session,
      deadline: NOW + 60_000,
      policy: ({ steps }) => allow({ budget: 'money', amount: `${steps}` }),
    });
    await new Promise((resolve) => setImmediate(resolve));
    world.clock.at += 11;
    letGo();
    await expect(doomed).rejects.toMatchObject({ reason: 'DEADLINE_PASSED' });
    expect((await first).effect).toBe('allow');
    expect((await after).committed?.version).toBe(4);
    expect((await seenBy(world, { session })).sums).toEqual({ money: '2' });
  });
});

describe('memory', () => {
  test.each([
    ['few sessions', { maxSessions: 2 }],
    ['few bytes', { maxBytes: 40_000 }],
  ])('with room for %s the others are read again, and nothing is forgotten', async (_what, room) => {
    const store = createMemorySessionStore();
    let loads = 0;
    const counted = {
      ...store,
      load: (key: Parameters<typeof store.load>[0]) => {
        loads += 1;
        return store.load(key);
      },
    };
    const world = createWorld(counted, room);
    const sessions = [];
    for (let i = 0; i < 4; i += 1) sessions.push(await world.open());
    for (let round = 0; round < 5; round += 1) for (const session of sessions) await world.ask({ session });
    expect(loads).toBeGreaterThan(sessions.length);
    for (const session of sessions) expect((await world.room.verbs.get(pep(), session)).steps).toBe(5);
  });
});

describe('opening', () => {
  test('open if absent finds the same session again, whoever asks first', async () => {
    const world = createWorld();
    const mandate = {
      taskType: 't',
      purpose: '',
      actions: ['*'],
      declared: {},
      limits: {},
      expiresAt: NOW + 1000,
    };
    const open = { kind: 'open' as const, key: 'thread-9', mandate };
    const many = await Promise.all(Array.from({ length: 10 }, () => world.ask({ session: open })));
    const sessions = new Set(many.map(({ committed }) => committed?.session));
    expect(sessions.size).toBe(1);
    const [id = ''] = sessions;
    expect((await world.room.verbs.open(pep(), mandate, 'thread-9')).id).toBe(id);
    await world.room.verbs.close(pep(), id);
    expect(said(await world.ask({ session: open }))).toBe('session.task_closed');
    expect((await world.ask({ session: open, pep: pep('pep-2') })).committed?.session).not.toBe(id);
  });

  test('a dry run that would open judges by its own mandate, and neither opens nor takes the key', async () => {
    const world = createWorld();
    const open = (purpose: string) =>
      ({ kind: 'open', key: 'thread-9', mandate: { ...MANDATE, purpose } }) as const;
    const judged: unknown[] = [];
    const policy: Wish['policy'] = (session) => {
      const { steps, task, remaining } = session;
      judged.push([steps, task.purpose, remaining, session.originOf('a'.repeat(16), NO_READINGS)]);
      return allow({ budget: 'money', amount: '1000' });
    };
    const none = await world.ask({ session: open('one'), action: 'x', dryRun: true, policy: () => NO });
    for (let i = 0; i < 2; i += 1) {
      const tried = await world.ask({ session: open('one'), operation: 'op', dryRun: true, policy });
      expect(tried).toMatchObject({ effect: 'allow' });
      expect([tried.committed, tried.expiresAt, tried.executionKey]).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
    }
    expect(judged).toEqual([
      [0, 'one', { money: '1000' }, 'user'],
      [0, 'one', { money: '1000' }, 'user'],
    ]);
    expect((await world.room.verbs.list(pep(), { size: 10, token: '' })).sessions).toEqual([]);
    // Retries of one cause are one cause, also where there is no session to be equal.
    const again = await world.ask({ session: open('one'), action: 'x', dryRun: true, policy: () => NO });
    const other = { ...open('one'), key: 'thread-10' };
    expect(again.causeId).toBe(none.causeId);
    expect(
      (await world.ask({ session: other, action: 'x', dryRun: true, policy: () => NO })).causeId,
    ).not.toBe(none.causeId);
    const asked = await world.ask({ session: open('two') });
    const view = await world.room.verbs.get(pep(), asked.committed?.session ?? '');
    expect([view.mandate.purpose, view.steps]).toEqual(['two', 1]);
  });

  test('a dry run of a key that has a session is judged in that session', async () => {
    const store = createMemorySessionStore();
    const [world, elsewhere] = [createWorld(store), createWorld(store)];
    const open = { kind: 'open', key: 'thread-9', mandate: MANDATE } as const;
    await world.ask({ session: open });
    let steps = -1;
    const policy: Wish['policy'] = (session) => {
      steps = session.steps;
      return allow();
    };
    const lax = { ...open, mandate: { ...MANDATE, limits: { money: '5000' } } };
    await elsewhere.ask({ session: lax, dryRun: true, policy });
    expect(steps).toBe(1);
  });

  test('a dry run without the role to open finds no session to judge by', async () => {
    const open = { kind: 'open', key: 'thread-9', mandate: MANDATE } as const;
    const asker = pep('pep-1', 'acme', ['asker']);
    expect(said(await createWorld().ask({ session: open, pep: asker, dryRun: true }))).toBe(
      'session.unknown',
    );
  });

  test.each([true, false])('a mandate that is over opens nothing, dry run %s', async (dryRun) => {
    const world = createWorld();
    const open = { kind: 'open', key: 'thread-9', mandate: { ...MANDATE, expiresAt: NOW } } as const;
    expect(said(await world.ask({ session: open, dryRun }))).toBe('session.expired');
    expect((await world.room.verbs.list(pep(), { size: 10, token: '' })).sessions).toEqual([]);
    const anew = { ...open, mandate: { ...MANDATE, purpose: 'anew' } };
    const { committed } = await world.ask({ session: anew });
    expect((await world.room.verbs.get(pep(), committed?.session ?? '')).mandate.purpose).toBe('anew');
    // Now there is a session, whose own mandate counts: also where its key was not asked for before.
    expect(said(await world.ask({ session: open, dryRun }))).toBe('allow');
  });

  test('a mandate that is over finds the session that another replica opened', async () => {
    const store = createMemorySessionStore();
    const [world, elsewhere] = [createWorld(store), createWorld(store)];
    const open = { kind: 'open', key: 'thread-9', mandate: MANDATE } as const;
    const { committed } = await world.ask({ session: open });
    const over = { ...open, mandate: { ...MANDATE, expiresAt: NOW } };
    expect((await elsewhere.ask({ session: over })).committed?.session).toBe(committed?.session);
  });

  test('the digest of the opening mandate stays what it was, whatever is amended', async () => {
    const world = createWorld();
    const session = await world.open();
    const before = await world.room.verbs.get(pep(), session);
    const amended = await world.room.verbs.amend(pep(), session, {
      ...before.mandate,
      limits: { money: '5' },
      actions: ['x'],
    });
    expect(amended.mandateDigest).toBe(before.mandateDigest);
    expect(amended.mandate.limits).toEqual({ money: '5' });
    expect(await seenBy(world, { session })).toMatchObject({
      remaining: { money: '5' },
      mandatePermits: false,
    });
    expect((await world.room.verbs.get(pep(), await world.open())).mandateDigest).not.toBe(
      before.mandateDigest,
    );
  });

  test.each<[string, Partial<Mandate>, Partial<Mandate>]>([
    ['subject', { subject: ANA }, { subject: EVE }],
    [
      'subject to one of the same name elsewhere',
      { subject: ANA },
      { subject: { ...ANA, iss: EVE.iss + 2 } },
    ],
    ['subject where none was named', {}, { subject: EVE }],
    ['actor', { actor: BOT }, { actor: EVE }],
    ['actor to one of the same name elsewhere', { actor: BOT }, { actor: { ...BOT, iss: EVE.iss + 2 } }],
    ['actor where none was named', {}, { actor: EVE }],
  ])('amending never hands a session over to another %s', async (_what, named, other) => {
    const world = createWorld();
    const session = await world.open(named);
    // It belongs to whoever asked first.
    expect(said(await world.ask({ session }))).toBe('allow');
    const before = await world.room.verbs.get(pep(), session);
    await expect(
      world.room.verbs.amend(pep(), session, { ...before.mandate, purpose: 'theirs', ...other }),
    ).rejects.toMatchObject({ reason: { code: 'session.not_yours' } });
    expect(await world.room.verbs.get(pep(), session)).toEqual(before);
    const same = { ...before.mandate, subject: ANA, actor: BOT, purpose: 'ours' };
    expect((await world.room.verbs.amend(pep(), session, same)).mandate.purpose).toBe('ours');
    const { subject: _s, actor: _a, ...silent } = same;
    expect((await world.room.verbs.amend(pep(), session, silent)).mandate).toMatchObject(named);
    expect(said(await world.ask({ session, caller: { subject: EVE } }))).toBe('session.not_yours');
    expect(said(await world.ask({ session, caller: { actor: EVE } }))).toBe('session.not_yours');
    expect(said(await world.ask({ session }))).toBe('allow');
  });

  test('an amended end revives an expired session', async () => {
    const world = createWorld();
    const session = await world.open({ subject: ANA });
    const { mandate } = await world.room.verbs.get(pep(), session);
    world.clock.at = mandate.expiresAt;
    expect(said(await world.ask({ session }))).toBe('session.expired');
    await world.room.verbs.amend(pep(), session, { ...mandate, expiresAt: mandate.expiresAt + 1000 });
    expect(said(await world.ask({ session }))).toBe('allow');
  });

  test('closing twice is no error, and nothing else follows a close', async () => {
    const world = createWorld();
    const session = await world.open();
    const closed = await world.room.verbs.close(pep(), session);
    expect(await world.room.verbs.close(pep(), session)).toEqual(closed);
    for (const verb of ['suspend', 'resume'] as const)
      await expect(world.room.verbs[verb](pep(), session, '')).rejects.toMatchObject({
        reason: { code: 'session.task_closed' },
      });
    await expect(world.room.verbs.amend(pep(), session, closed.mandate)).rejects.toMatchObject({
      reason: { code: 'session.task_closed' },
    });
  });

  test('sessions are listed newest first in pages, and a page token that is not ours is refused', async () => {
    const world = createWorld();
    const ids: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      world.clock.at += 1;
      ids.push(await world.open());
    }
    const first = await world.room.verbs.list(pep(), { size: 3, token: '' });
    const second = await world.room.verbs.list(pep(), { size: 3, token: first.nextToken });
    expect([...first.sessions, ...second.sessions].map(({ id }) => id)).toEqual(ids.reverse());
    expect(second.nextToken).toBe('');
    await expect(world.room.verbs.list(pep(), { size: 3, token: 'Zm9v' })).rejects.toMatchObject({
      field: 'page_token',
    });
  });
});
