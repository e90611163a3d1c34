/** Cases without a transport: the whole walk, the harness around it, and the policy alone. */
import { Effect } from '../src/gen/assent/v1/authorization_pb.js';
import { atBoth, ownCpu } from './measure.ts';
import { expectEffect, paymentBytes, sessionPool } from './payment.ts';
import type { Report, Sizes } from './report.ts';
import { openWalk, type Walk } from './walk.ts';
import { MANDATE, mintChain, mintToken, type World } from './world.ts';

export const HARNESS = 'harness: an ask built, an answer read';

/** @returns how many bytes the echo is to send there and back */
export async function benchWalk(report: Report, world: World, directory: string): Promise<Sizes> {
  const walk = await openWalk(world, directory);
  try {
    await benchOpenWalk(report, world, walk);
    return walk.sizes();
  } finally {
    await walk.close();
  }
}

async function benchOpenWalk(report: Report, world: World, walk: Walk): Promise<void> {
  const token = await mintToken(world.issuerKey, 'a0');
  const deepToken = await mintToken(world.issuerKey, 'a4');
  const sessions = sessionPool(async () => (await walk.open(MANDATE)).id);
  const deepSessions = sessionPool(async () => {
    const { id: session, mandateDigest } = await walk.open(MANDATE);
    return { session, chain: await mintChain(world.agentKeys, mandateDigest) };
  });
  const paying = (padding: number) => async () => {
    const answer = await walk.answer(paymentBytes({ token, session: await sessions(), padding }));
    expectEffect(answer, Effect.ALLOW);
  };
  await report.add(atBoth('walk: allow, 1 KB input', paying(0), ownCpu));
  await report.add(atBoth('walk: allow, 4 KB input', paying(3000), ownCpu));
  // Refused at the session's door: no policy, no commit, but a record.
  const nowhere = 'AAAAAAAAAAAAAAAAAAAAAA';
  const refused = async () =>
    expectEffect(await walk.answer(paymentBytes({ token, session: nowhere })), Effect.DENY);
  await report.add(atBoth('walk: early deny', refused, ownCpu));
  const delegated = async () => {
    const deep = await deepSessions();
    expectEffect(await walk.answer(paymentBytes({ token: deepToken, ...deep })), Effect.ALLOW);
  };
  await report.add(atBoth('walk: allow, 4 hops', delegated, ownCpu));
  await report.part(HARNESS, async () => {
    const answer = await walk.answer(paymentBytes({ token, session: await sessions() }));
    const once = async () => {
      if (paymentBytes({ token, session: await sessions() }).length > 0) expectEffect(answer, Effect.ALLOW);
    };
    await report.add([{ name: HARNESS, once, cpu: ownCpu, inFlight: 1 }]);
  });
  await report.add(walk.evaluations().map((each) => ({ ...each, cpu: ownCpu, inFlight: 1 })));
}
