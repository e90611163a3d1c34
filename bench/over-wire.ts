/** Cases over loopback: the whole server, and a bare echo of as many bytes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  AuthorizeRequestSchema,
  AuthorizeResponseSchema,
  AuthorizeStreamRequestSchema,
  AuthorizeStreamResponseSchema,
  Effect,
} from '../src/gen/assent/v1/authorization_pb.js';
import { OpenSessionRequestSchema, OpenSessionResponseSchema } from '../src/gen/assent/v1/session_pb.js';
import { atBoth } from './measure.ts';
import { expectEffect, paymentBytes, sessionPool } from './payment.ts';
import { startRemote } from './remote.ts';
import type { Report, Sizes } from './report.ts';
import { connect, PATHS, patch, patiently, type Wire } from './wire.ts';
import { LIFTED, MANDATE, mintToken, type World } from './world.ts';

export interface Server {
  /** Of the store, as cases call it. */
  readonly label: string;
  /** A Redis; absent: the embedded store. */
  readonly store?: string;
  readonly world: World;
  /** Where the development material is. */
  readonly dev: string;
  readonly configFile: string;
}

/** The whole server, unary and on a stream. */
export async function benchServer(report: Report, server: Server): Promise<void> {
  const { label, store, world, dev, configFile } = server;
  const remote = await startRemote('./server.ts', [dev, configFile, ...(store === undefined ? [] : [store])]);
  const wire = connect(remote.address, readFileSync(join(dev, 'pep.key'), 'utf8').trim());
  try {
    const token = await mintToken(world.issuerKey, 'a0');
    for (const [path, value] of LIFTED) await patch(wire, path, value);
    const sessions = sessionPool(() => openSession(wire));
    const unary = async () => {
      const answer = await wire.unary(PATHS.unary, paymentBytes({ token, session: await sessions() }));
      expectEffect(answer, Effect.ALLOW);
    };
    await report.add(atBoth(`unary, ${label}`, unary, remote.cpu));
    const ask = askOnStream(wire);
    const streamed = async () =>
      expectEffect(await ask(paymentBytes({ token, session: await sessions() })), Effect.ALLOW);
    await report.add(atBoth(`stream, ${label}`, streamed, remote.cpu));
  } finally {
    wire.close();
    await remote.stop();
  }
}

async function openSession(wire: Wire): Promise<string> {
  const request = toBinary(OpenSessionRequestSchema, create(OpenSessionRequestSchema, { mandate: MANDATE }));
  const { session } = fromBinary(OpenSessionResponseSchema, await wire.unary(PATHS.open, request));
  return session?.id ?? '';
}

/** Asks as for a unary call, and answers like one: a status is thrown with its code. */
function askOnStream(wire: Wire): (ask: Uint8Array) => Promise<Uint8Array> {
  const send = wire.stream(
    PATHS.stream,
    (answer) => fromBinary(AuthorizeStreamResponseSchema, answer).requestId,
  );
  return (bytes) => {
    const ask = fromBinary(AuthorizeRequestSchema, bytes);
    const request = toBinary(AuthorizeStreamRequestSchema, create(AuthorizeStreamRequestSchema, { ask }));
    return patiently(async () => {
      const { answer } = fromBinary(AuthorizeStreamResponseSchema, await send(request, ask.requestId));
      if (answer.case === 'status')
        throw Object.assign(new Error(`status ${answer.value.code}: ${answer.value.message}`), {
          code: answer.value.code,
        });
      if (answer.case !== 'decision') throw new Error('neither a decision nor a status came');
      return toBinary(AuthorizeResponseSchema, create(AuthorizeResponseSchema, { decision: answer.value }));
    });
  };
}

/** The same number of bytes there and back through grpc-js alone. */
export async function benchEcho(report: Report, sizes: Sizes): Promise<void> {
  const remote = await startRemote('./echo-server.ts');
  const wire = connect(remote.address);
  try {
    const request = Buffer.alloc(sizes.request, 1);
    request.writeUInt32BE(sizes.answer, 0);
    const check = (answer: Buffer): void => {
      if (answer.length !== sizes.answer) throw new Error('the echo answered something else');
    };
    const unary = async () => check(await wire.unary('/bench.Echo/Unary', request));
    await report.add(atBoth('echo unary', unary, remote.cpu));
    // Answers of an echo come in order, so the next waiting one is the one that is answered.
    let sent = 0;
    let answered = 0;
    const ask = wire.stream('/bench.Echo/Stream', () => String((answered += 1)));
    const streamed = async () => check(await ask(request, String((sent += 1))));
    await report.add(atBoth('echo stream', streamed, remote.cpu));
  } finally {
    wire.close();
    await remote.stop();
  }
}
