/** `kill -9` at a random moment under load: what was answered is recorded, and stays as it was answered. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifyLog } from '../../src/audit/read.ts';
import { AssentError } from '../../src/client/client.ts';
import type { Decision } from '../../src/client/permission.ts';
import type { AuthorizeRequest } from '../../src/gen/assent/v1/authorization_pb.js';
import { isAllow, liftLimits, mandate, payment, read, request, said, settle, tell } from './asking.ts';
import { createFleet, type Fleet, type Replica } from './fleet.ts';
import { recorded } from './recorded.ts';

const ROUNDS = Number(process.env['ASSENT_KILL_ROUNDS'] ?? 3);
const ASKERS = 12;
const EMBEDDED = { name: 'only' };

interface Asked {
  readonly message: AuthorizeRequest;
  /** Absent: the process died before it answered. */
  answer?: Decision;
}

/** What was acknowledged, and what was only asked for. */
interface Changes {
  readonly closed: string[];
  readonly suspended: string[];
  acknowledged: number;
  asked: number;
}

let fleet: Fleet;
let token: string;
beforeAll(async () => {
  fleet = createFleet();
  token = await fleet.token();
});
afterAll(() => fleet.end());

/** The process may be gone at any moment: then nothing was acknowledged. */
async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (cause) {
    if (
      cause instanceof AssentError &&
      ['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'CANCELLED'].includes(cause.status)
    )
      return undefined;
    throw cause;
  }
}

/** Pays and reads from many sides until the process is gone. */
function load(
  at: Replica,
  sessions: readonly string[],
  going: () => boolean,
): { asked: Asked[]; done: Promise<unknown> } {
  const asked: Asked[] = [];
  let next = 0;
  const asker = async (side: number): Promise<void> => {
    const session = sessions[side % sessions.length] ?? '';
    while (going()) {
      next += 1;
      const ask = next % 5 === 0 ? read(session) : payment(session, `INV-${next}`);
      const one: Asked = { message: request({ ...ask, token }) };
      asked.push(one);
      const told = await tell(at, one.message);
      if (!('decision' in told)) return;
      one.answer = told.decision;
    }
  };
  return { asked, done: Promise.all(Array.from({ length: ASKERS }, (_, side) => asker(side))) };
}

/** Closes, suspends and changes data, one after the other, and notes what was acknowledged. */
async function change(at: Replica, going: () => boolean, changes: Changes): Promise<void> {
  while (going()) {
    const opened = await unlessGone(at.client.openSession(mandate()));
    if (opened === undefined) return;
    if (await unlessGone(at.client.closeSession(opened.id))) changes.closed.push(opened.id);
    const other = await unlessGone(at.client.openSession(mandate()));
    if (other !== undefined && (await unlessGone(at.client.suspend(other.id))))
      changes.suspended.push(other.id);
    changes.asked += 1;
    const value = changes.asked;
    if (await unlessGone(at.client.patchData('finance/usual_amounts/newcomer', { value })))
      changes.acknowledged = value;
  }
}

test(`${ROUNDS} times killed, every answered allow has its record and nothing is spent twice or undone`, {
  timeout: 60_000 + ROUNDS * 20_000,
}, async () => {
  const changes: Changes = { closed: [], suspended: [], acknowledged: 0, asked: 0 };
  const spent = new Map<string, number>();
  let answered = 0;
  let settledLater = 0;
  let at = await fleet.start(EMBEDDED);
  await liftLimits(fleet, [at]);
  for (let round = 0; round < ROUNDS; round += 1) {
    const killAfterMs = Math.floor(Math.random() * 1000);
    const told = `round ${round}, killed after ${killAfterMs} ms`;
    const sessions: string[] = [];
    for (let i = 0; i < 3; i += 1)
      sessions.push((await at.client.openSession(mandate({ limits: { payments: '100000' } }))).id);
    let going = true;
    const { asked, done } = load(at, sessions, () => going);
    const changing = change(at, () => going, changes);
    await expect
      .poll(() => asked.some(({ answer }) => answer !== undefined), { interval: 1, timeout: 20_000 })
      .toBe(true);
    await sleep(killAfterMs);
    await at.kill();
    going = false;
    // The clients are still open: an answer that was on its way when the process died has arrived by now.
    await Promise.all([done, changing]);
    await at.end('SIGKILL');

    const before = recorded(at.records);
    const lost = asked.filter(({ answer }) => answer !== undefined && !before.ids.has(answer.id));
    expect(
      lost.map(({ answer }) => answer),
      told,
    ).toEqual([]);

    at = await fleet.start(EMBEDDED);
    expect(verifyLog(at.records)).toMatchObject({ records: before.count, tornBytes: 0 });
    for (const session of sessions) spent.set(session, 0);
    for (const { message, answer } of asked) {
      // An ask without an answer is found by its id, or decided now; either way it counts once.
      const again = await settle(at, message);
      if (answer === undefined) settledLater += 1;
      else {
        answered += 1;
        expect(again, told).toMatchObject({ id: answer.id, effect: answer.effect, replayed: true });
      }
      if (isAllow({ decision: again }) && message.action?.name === 'payment.send')
        spent.set(again.sessionId, (spent.get(again.sessionId) ?? 0) + 1);
      else expect(again.effect, told).toBe('allow');
    }
    for (const [session, amount] of spent)
      expect((await at.client.getSession(session)).spent, told).toEqual(
        amount === 0 ? {} : { payments: String(amount) },
      );
    for (const id of changes.closed) expect((await at.client.getSession(id)).state, told).toBe('closed');
    for (const id of changes.suspended)
      expect((await at.client.getSession(id)).state, told).toBe('suspended');
    const [closed, suspended] = [changes.closed.at(-1), changes.suspended.at(-1)];
    if (closed !== undefined)
      expect(said(await tell(at, request({ ...read(closed), token })))).toBe('session.task_closed');
    if (suspended !== undefined)
      expect(said(await tell(at, request({ ...read(suspended), token })))).toBe('session.suspended');
    if (changes.acknowledged > 0) {
      const { value } = await at.client.getData('finance/usual_amounts/newcomer');
      expect(value, told).toBeGreaterThanOrEqual(changes.acknowledged);
      expect(value, told).toBeLessThanOrEqual(changes.asked);
    }
  }
  const { acknowledged, closed, suspended } = changes;
  console.log(
    `kill -9: ${ROUNDS} rounds, ${answered} answers kept, ${settledLater} settled afterwards, ${closed.length} closes, ${suspended.length} suspensions, ${acknowledged} patches`,
  );
  expect(answered).toBeGreaterThan(ROUNDS);
});
