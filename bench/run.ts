/**
 * What a decision costs, from the bare policy evaluation to the whole way over loopback, beside a bare echo.
 * `npm run bench` prints a table; `-- --json` one JSON object; `-- --smoke` runs each case for a moment, which
 * asserts every answer but measures nothing worth quoting. Compare ratios of one run, not figures of two.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { arch, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  AuthorizeRequestSchema,
  AuthorizeResponseSchema,
  AuthorizeStreamRequestSchema,
  AuthorizeStreamResponseSchema,
  Effect,
} from '../src/gen/assent/v1/authorization_pb.js';
import { OpenSessionRequestSchema, OpenSessionResponseSchema } from '../src/gen/assent/v1/session_pb.js';
import { type Case, type Measured, measure, ownCpu } from './measure.ts';
import { measurePatch } from './patch.ts';
import { connect, PATHS, patch, type Remote, startRedis, startRemote } from './remote.ts';
import { openWalk } from './walk.ts';
import {
  expectEffect,
  LIFTED,
  MANDATE,
  makeWorld,
  mintChain,
  mintToken,
  paymentBytes,
  type World,
} from './world.ts';

const smoke = process.argv.includes('--smoke');
const json = process.argv.includes('--json');
const seconds = smoke ? 0.15 : 3;
const IN_FLIGHT = [1, 16] as const;
const HARNESS = 'harness: an ask built, an answer read';
/** About what a long task takes; a new session is opened after so many, at the case's expense. */
const ASKS_A_SESSION = 50;

const directory = mkdtempSync(join(tmpdir(), 'assent-bench-'));
const measured: Measured[] = [];

async function add(cases: readonly Case[]): Promise<void> {
  for (const each of cases) {
    const result = await measure(each, seconds);
    measured.push(result);
    if (!json) printRow(result);
  }
}

function printRow({ name, p50_us, p99_us, per_second, cpu_us }: Measured): void {
  const columns = [p50_us, p99_us, per_second, cpu_us].map((value) => String(value).padStart(10));
  process.stdout.write(`${name.padEnd(44)}${columns.join('')}\n`);
}

function atBoth(name: string, once: Case['once'], cpu: Case['cpu']): Case[] {
  return IN_FLIGHT.map((inFlight) => ({ name: `${name}, ${inFlight} in flight`, once, cpu, inFlight }));
}

/** The whole server over loopback, unary and on a stream. */
async function overWire(
  label: string,
  store: string | undefined,
  world: World,
  configFile: string,
): Promise<void> {
  const dev = join(directory, 'dev');
  const server = await startRemote('./server.ts', [dev, configFile, ...(store === undefined ? [] : [store])]);
  const wire = connect(server.address, readFileSync(join(dev, 'pep.key'), 'utf8').trim());
  try {
    const token = await mintToken(world.issuerKey, 'a0');
    for (const [path, value] of LIFTED) await patch(wire, path, value);
    const sessions = sessionPool(async () => {
      const request = toBinary(
        OpenSessionRequestSchema,
        create(OpenSessionRequestSchema, { mandate: MANDATE }),
      );
      const { session } = fromBinary(OpenSessionResponseSchema, await wire.unary(PATHS.open, request));
      return session?.id ?? '';
    });
    await add(
      atBoth(
        `unary, ${label}`,
        async () => {
          const answer = await wire.unary(PATHS.unary, paymentBytes({ token, session: await sessions() }));
          expectEffect(answer, Effect.ALLOW);
        },
        server.cpu,
      ),
    );
    const ask = wire.stream(
      PATHS.stream,
      (answer) => fromBinary(AuthorizeStreamResponseSchema, answer).requestId,
    );
    await add(
      atBoth(
        `stream, ${label}`,
        async () => {
          const bytes = paymentBytes({ token, session: await sessions() });
          const request = fromBinary(AuthorizeRequestSchema, bytes);
          const message = create(AuthorizeStreamRequestSchema, { ask: request });
          const answer = await ask(toBinary(AuthorizeStreamRequestSchema, message), request.requestId);
          const { answer: got } = fromBinary(AuthorizeStreamResponseSchema, answer);
          if (got.case !== 'decision') throw new Error('a status came where a decision was wanted');
          expectEffect(
            toBinary(AuthorizeResponseSchema, create(AuthorizeResponseSchema, { decision: got.value })),
            Effect.ALLOW,
          );
        },
        server.cpu,
      ),
    );
  } finally {
    wire.close();
    await server.stop();
  }
}

/** Hands out a session, a new one after so many asks. */
function sessionPool<T>(open: () => Promise<T>): () => Promise<T> {
  let current: Promise<T> | undefined;
  let used = 0;
  return () => {
    if (current === undefined || used >= ASKS_A_SESSION) {
      current = open();
      used = 0;
    }
    used += 1;
    return current;
  };
}

/** The same number of bytes there and back through grpc-js alone. */
async function echo(requestBytes: number, answerBytes: number): Promise<void> {
  const server: Remote = await startRemote('./echo-server.ts');
  const wire = connect(server.address);
  try {
    const request = Buffer.alloc(requestBytes, 1);
    request.writeUInt32BE(answerBytes, 0);
    const check = (answer: Buffer): void => {
      if (answer.length !== answerBytes) throw new Error('the echo answered something else');
    };
    await add(
      atBoth('echo unary', async () => check(await wire.unary('/bench.Echo/Unary', request)), server.cpu),
    );
    // Answers of an echo come in order, so the next waiting one is the one that is answered.
    let sent = 0;
    let answered = 0;
    const ask = wire.stream('/bench.Echo/Stream', () => String((answered += 1)));
    await add(atBoth('echo stream', async () => check(await ask(request, String((sent += 1)))), server.cpu));
  } finally {
    wire.close();
    await server.stop();
  }
}

try {
  const catalog = fileURLToPath(new URL('../policies/catalog.json', import.meta.url));
  const world = makeWorld(join(directory, 'dev'), catalog);
  const configFile = join(directory, 'config.json');
  const { delegation } = world.raw;
  writeFileSync(configFile, JSON.stringify({ delegation }));
  // Each replica has a record log of its own.
  const records = { directory: join(directory, 'second-records'), durability: 'os' };
  writeFileSync(`${configFile}.second`, JSON.stringify({ delegation, record_log: records }));
  if (!json) process.stdout.write(`${''.padEnd(44)}    p50 µs    p99 µs     per s    cpu µs\n`);

  const walk = await openWalk(world, join(directory, 'walk'));
  const token = await mintToken(world.issuerKey, 'a0');
  const deepToken = await mintToken(world.issuerKey, 'a4');
  const sessions = sessionPool(async () => (await walk.open(MANDATE)).id);
  const deepSessions = sessionPool(async () => {
    const { id: session, mandateDigest } = await walk.open(MANDATE);
    return { session, chain: await mintChain(world.agentKeys, mandateDigest) };
  });
  const paying = (padding: number) => async () => {
    expectEffect(
      await walk.answer(paymentBytes({ token, session: await sessions(), padding })),
      Effect.ALLOW,
    );
  };
  await add(atBoth('walk: allow, 1 KB input', paying(0), ownCpu));
  await add(atBoth('walk: allow, 4 KB input', paying(3000), ownCpu));
  // Refused at the session's door: no policy, no commit, but a record.
  const nowhere = 'AAAAAAAAAAAAAAAAAAAAAA';
  const refused = async () =>
    expectEffect(await walk.answer(paymentBytes({ token, session: nowhere })), Effect.DENY);
  await add(atBoth('walk: early deny', refused, ownCpu));
  await add(
    atBoth(
      'walk: allow, 4 hops',
      async () => {
        const deep = await deepSessions();
        expectEffect(await walk.answer(paymentBytes({ token: deepToken, ...deep })), Effect.ALLOW);
      },
      ownCpu,
    ),
  );
  // What the cases above spend on asking and on checking the answer: taken off the walk in the ratio.
  const answer = await walk.answer(paymentBytes({ token, session: await sessions() }));
  const harness = async () => {
    if (paymentBytes({ token, session: await sessions() }).length > 0) expectEffect(answer, Effect.ALLOW);
  };
  await add([{ name: HARNESS, once: harness, cpu: ownCpu, inFlight: 1 }]);
  await add(walk.evaluations().map((each) => ({ ...each, cpu: ownCpu, inFlight: 1 })));
  const sizes = walk.sizes();
  await walk.close();

  await echo(sizes.request, sizes.answer);
  await overWire('embedded', undefined, world, configFile);
  const redis = await startRedis(directory);
  if (redis === undefined) process.stderr.write('no redis-server on the PATH: its cases are left out\n');
  else
    try {
      await overWire('redis', redis.url, world, configFile);
      const dev = join(directory, 'dev');
      const patched = await measurePatch({ world, dev, configFile, redis: `${redis.url}/1` }, smoke ? 2 : 10);
      measured.push(patched);
      if (!json) printRow(patched);
    } finally {
      redis.stop();
    }

  const cpuOf = (name: string): number => measured.find((each) => each.name === name)?.cpu_us ?? Number.NaN;
  const ratio = (a: string, b: string, off = 0): number =>
    Math.round(((cpuOf(a) - off) / cpuOf(b)) * 100) / 100;
  // All by CPU of the answering process with sixteen in flight: the figure that other load disturbs least.
  const ratios = {
    walk_evaluate: ratio('walk: allow, 1 KB input, 16 in flight', 'evaluate: 1 KB input', cpuOf(HARNESS)),
    unary_echo: ratio('unary, embedded, 16 in flight', 'echo unary, 16 in flight'),
    stream_echo: ratio('stream, embedded, 16 in flight', 'echo stream, 16 in flight'),
  };
  const machine = { node: process.version, arch: arch(), cores: cpus().length, cpu: cpus()[0]?.model ?? '' };
  if (json) process.stdout.write(`${JSON.stringify({ machine, cases: measured, ratios })}\n`);
  else
    process.stdout.write(
      `\nratios of cpu: ${JSON.stringify(ratios)}\n${JSON.stringify({ machine, sizes })}\n`,
    );
} finally {
  rmSync(directory, { recursive: true, force: true });
}
