/** The processes under test, and a Redis for them. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { createServer } from 'node:net';

export interface Remote {
  readonly address: string;
  /** Total CPU so far, microseconds. */
  cpu(): Promise<number>;
  /** Resolves once the process has ended. */
  stop(): Promise<void>;
}

/** How long a process may take to end once it is told to. */
const STOP_MS = 15_000;

/** Forks a script that sends `{ready: address}` and answers `cpu`. */
export async function startRemote(script: string, args: readonly string[] = []): Promise<Remote> {
  const child = fork(new URL(script, import.meta.url), [...args], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const address = (await message(child)) as { ready: string };
  return {
    address: address.ready,
    async cpu() {
      const told = message(child);
      // Where the process has ended, `told` says so.
      if (child.connected) child.send('cpu');
      const { cpu } = (await told) as { cpu: NodeJS.CpuUsage };
      return cpu.user + cpu.system;
    },
    async stop() {
      if (hasEnded(child)) return;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      if (child.connected) child.disconnect();
      await ended;
      clearTimeout(timer);
    },
  };
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

function message(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = () =>
      reject(new Error(`the process under test ended with ${child.exitCode ?? child.signalCode}`));
    if (hasEnded(child)) return ended();
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
