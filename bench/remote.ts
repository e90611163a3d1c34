/** A process under test, and raw calls to it: bytes in, bytes out, so that the load's own coding is the same for all. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { create, toBinary } from '@bufbuild/protobuf';
import { Client, type ClientDuplexStream, credentials, Metadata } from '@grpc/grpc-js';
import { PatchDataRequestSchema } from '../src/gen/assent/v1/policy_pb.js';

/** Methods of the server under test. */
export const PATHS = {
  open: '/assent.v1.SessionService/OpenSession',
  patch: '/assent.v1.PolicyService/PatchData',
  unary: '/assent.v1.AuthorizationService/Authorize',
  stream: '/assent.v1.AuthorizationService/AuthorizeStream',
} as const;

export interface Remote {
  readonly address: string;
  /** Total CPU so far, microseconds. */
  cpu(): Promise<number>;
  /** Resolves once the process has ended. */
  stop(): Promise<void>;
}

/** Forks a script that sends `{ready: address}` and answers `cpu`. */
export async function startRemote(script: string, args: readonly string[] = []): Promise<Remote> {
  const child = fork(new URL(script, import.meta.url), [...args], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const address = (await message(child)) as { ready: string };
  return {
    address: address.ready,
    async cpu() {
      child.send('cpu');
      const { cpu } = (await message(child)) as { cpu: NodeJS.CpuUsage };
      return cpu.user + cpu.system;
    },
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.disconnect();
      }),
  };
}

function message(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`the process under test ended with ${code}`));
    child.once('exit', ended);
    child.once('message', (value) => {
      child.off('exit', ended);
      resolve(value);
    });
  });
}

/** A Redis of its own on a free port; undefined where there is none to start. */
export async function startRedis(directory: string): Promise<{ url: string; stop(): void } | undefined> {
  const port = await new Promise<number>((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
  const args = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    directory,
  ];
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  return new Promise((resolve) => {
    child.once('error', () => resolve(undefined));
    child.once('exit', () => resolve(undefined));
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.includes('Ready to accept'))
        resolve({ url: `redis://127.0.0.1:${port}`, stop: () => child.kill() });
    });
  });
}

export interface Wire {
  unary(path: string, request: Uint8Array): Promise<Buffer>;
  /** Opens one stream; each call sends a message and resolves with the answer whose key it names. */
  stream(
    path: string,
    keyOf: (answer: Buffer) => string,
  ): (request: Uint8Array, key: string) => Promise<Buffer>;
  close(): void;
}

/** Patches data of the server behind the wire; `value` is JSON. */
export function patch(wire: Wire, path: string, value: string): Promise<Buffer> {
  const change = { case: 'valueJson' as const, value: Buffer.from(value) };
  const request = create(PatchDataRequestSchema, { path, change });
  return wire.unary(PATHS.patch, toBinary(PatchDataRequestSchema, request));
}

const toBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const asIs = (bytes: Buffer): Buffer => bytes;

export function connect(address: string, key?: string): Wire {
  const client = new Client(address, credentials.createInsecure());
  const metadata = new Metadata();
  if (key !== undefined) metadata.set('authorization', `Bearer ${key}`);
  const streams: ClientDuplexStream<Uint8Array, Buffer>[] = [];
  return {
    unary: (path, request) =>
      new Promise((resolve, reject) => {
        const deadline = Date.now() + 5000;
        client.makeUnaryRequest(path, toBuffer, asIs, request, metadata, { deadline }, (error, answer) => {
          if (error !== null || answer === undefined) reject(error ?? new Error('no answer'));
          else resolve(answer);
        });
      }),
    stream(path, keyOf) {
      const waiting = new Map<string, (answer: Buffer) => void>();
      const stream = client.makeBidiStreamRequest(path, toBuffer, asIs, metadata, {});
      streams.push(stream);
      stream.on('data', (answer: Buffer) => {
        const waiter = keyOf(answer);
        waiting.get(waiter)?.(answer);
        waiting.delete(waiter);
      });
      stream.on('error', () => {
        // Cancelled by close(); an error before that leaves its asks waiting and the bench hanging, which shows.
      });
      return (request, waiter) =>
        new Promise((resolve) => {
          waiting.set(waiter, resolve);
          stream.write(request);
        });
    },
    close() {
      for (const stream of streams) stream.cancel();
      client.close();
    },
  };
}
