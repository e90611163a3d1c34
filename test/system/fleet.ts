/** Servers as processes of their own, and an enforcement point that speaks to them over the real wire. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mintDevToken } from '../../src/cli/dev-material.ts';
import { type Client, createClient } from '../../src/client/client.ts';
import { createTransport, type Transport } from '../../src/client/transport.ts';
import { prepareDev } from '../../src/dev.ts';

const BIN = fileURLToPath(new URL('../../bin/assent.js', import.meta.url));
const START_MS = 30_000;
const EXIT_MS = 20_000;

export interface Replica {
  readonly name: string;
  readonly address: string;
  readonly pid: number;
  /** Where its records are; a replica of the same name goes on in the same log. */
  readonly records: string;
  /** The file that holds what it logged. */
  readonly log: string;
  /** Where metrics are, if anywhere. */
  readonly telemetry: string | undefined;
  readonly client: Client;
  readonly transport: Transport;
  /** SIGKILL, and the process is gone; its clients are still open. */
  kill(): Promise<void>;
  /** Ends clients and process; resolves with the exit code, null when a signal ended it. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null>;
}

export interface Wanted {
  /** Equal names share a record log, and may not run at once. */
  readonly name: string;
  /** `redis://…`; absent: an embedded store of the fleet's own, one replica at a time. */
  readonly store?: string;
  /** The `session` section. */
  readonly session?: Readonly<Record<string, unknown>>;
  readonly maxAsks?: number;
  /** The `policy` section. */
  readonly policy?: Readonly<Record<string, unknown>>;
  /** Where metrics are served; absent: nowhere. */
  readonly telemetry?: string;
  /** Absent: the server's default. */
  readonly watchdogMs?: number;
  /** Default `warn`. */
  readonly logLevel?: string;
}

/** Replicas that share keys, issuer and enforcement point. */
export interface Fleet {
  readonly folder: string;
  readonly keys: string;
  start(wanted: Wanted): Promise<Replica>;
  /** An access token of the fleet's issuer. */
  token(jkt?: string): Promise<string>;
  /** Ends every process that was started, and removes the folder. */
  end(): Promise<void>;
}

export function createFleet(): Fleet {
  const folder = mkdtempSync(join(tmpdir(), 'assent-system-'));
  const keys = join(folder, 'keys');
  const shared = prepareDev(keys);
  const key = readFileSync(join(keys, 'pep.key'), 'utf8').trim();
  const replicas = new Set<Replica>();

  async function start({
    name,
    store,
    session = {},
    maxAsks = 4096,
    policy = {},
    telemetry,
    watchdogMs,
    logLevel = 'warn',
  }: Wanted): Promise<Replica> {
    const cwd = join(folder, name);
    const records = join(cwd, 'records');
    mkdirSync(cwd, { recursive: true });
    const config = {
      ...shared,
      ...(store === undefined ? {} : { store }),
      session,
      max_asks: maxAsks,
      policy,
      record_log: { directory: records, durability: 'os' },
      ...(telemetry === undefined ? {} : { telemetry: { listen: telemetry } }),
      ...(watchdogMs === undefined ? {} : { watchdog_ms: watchdogMs }),
    };
    const file = join(cwd, 'assent.json');
    writeFileSync(file, JSON.stringify(config));
    const flags = ['serve', '--dev', '--config', file, '--listen', '127.0.0.1:0', '--json'];
    const log = join(cwd, 'stderr');
    const stderr = openSync(log, 'a');
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', BIN, ...flags], {
      cwd,
      env: { PATH: process.env['PATH'] ?? '', ASSENT_LOG_LEVEL: logLevel },
      stdio: ['ignore', 'pipe', stderr],
    });
    closeSync(stderr);
    const { address, pid, telemetry: metrics } = await announced(child, log);
    const transport = createTransport({ address, key });
    const client = createClient({ address, key, timeoutMs: 5000 });
    const replica: Replica = {
      name,
      address,
      pid,
      records,
      log,
      telemetry: metrics,
      client,
      transport,
      async kill() {
        await ended(child, 'SIGKILL');
      },
      async end(signal) {
        replicas.delete(replica);
        client.close();
        transport.close();
        return ended(child, signal);
      },
    };
    replicas.add(replica);
    return replica;
  }

  return {
    folder,
    keys,
    start,
    token: (jkt) =>
      mintDevToken(
        { sub: 'ana', act: 'payer', client: 'finance-agent', scope: 'agent' },
        { directory: keys, ...(jkt === undefined ? {} : { jkt }) },
      ),
    async end() {
      await Promise.all([...replicas].map((replica) => replica.end('SIGKILL')));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Announced {
  readonly address: string;
  readonly pid: number;
  readonly telemetry: string | undefined;
}

/** What the process says once it serves. */
async function announced(child: ChildProcess, log: string): Promise<Announced> {
  let text = '';
  const said = new Promise<Announced>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the server did not start in time')), START_MS);
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (!text.trimEnd().endsWith('}')) return;
      clearTimeout(timer);
      const { addresses, pid, telemetry } = JSON.parse(text) as {
        addresses: string[];
        pid: number;
        telemetry?: string;
      };
      resolve({ address: addresses[0] ?? '', pid, telemetry });
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      reject(new Error(`the server ended with ${code ?? signal}: ${readFileSync(log, 'utf8')}`));
    });
  });
  try {
    return await said;
  } catch (cause) {
    child.kill('SIGKILL');
    throw cause;
  }
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const gone = once(child, 'exit', { signal: AbortSignal.timeout(EXIT_MS) });
  child.kill(signal);
  await gone.catch(() => child.kill('SIGKILL'));
  return child.exitCode;
}
