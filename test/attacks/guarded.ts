/** A development server with two enforcement points and no rates, and what attacks need of it. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mintDevToken } from '../../src/cli/dev-material.ts';
import type { Ask } from '../../src/client/ask.ts';
import { type Client, createClient, type MandateInput } from '../../src/client/client.ts';
import type { Decision } from '../../src/client/permission.ts';
import { createTransport, type Transport } from '../../src/client/transport.ts';
import { prepareDev } from '../../src/dev.ts';
import type { AuthorizeRequest } from '../../src/gen/assent/v1/authorization_pb.js';
import { serve } from '../../src/main.ts';
import { ACCOUNT, mandate, payment, request, said, type Told, tell } from '../system/asking.ts';

export interface Point {
  readonly client: Client;
  readonly transport: Transport;
}

export interface Guarded {
  readonly keys: string;
  readonly first: Point;
  /** Another enforcement point of the same tenant. */
  readonly second: Point;
  /** The agent's token; with a scope, one that may do less. */
  token(act?: string, scope?: string): Promise<string>;
  end(): Promise<void>;
}

export async function createGuarded(): Promise<Guarded> {
  const folder = mkdtempSync(join(tmpdir(), 'assent-attack-'));
  const keys = join(folder, 'keys');
  const made = prepareDev(keys);
  writeFileSync(join(keys, 'second.key'), `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 });
  const second = { id: 'second', tenant: 'dev', roles: ['asker'], key_file: join(keys, 'second.key') };
  const points = [...(made['enforcement_points'] as object[]), second];
  const config = join(folder, 'assent.json');
  writeFileSync(config, JSON.stringify({ ...made, enforcement_points: points }));
  const env = { ASSENT_LOG_LEVEL: 'silent' };
  const serving = await serve({ dev: true, config, listen: '127.0.0.1:0', devDirectory: keys, env });
  const address = serving.addresses[0] ?? '';
  const point = (file: string): Point => {
    const key = readFileSync(join(keys, file), 'utf8').trim();
    return {
      client: createClient({ address, key, timeoutMs: 5000 }),
      transport: createTransport({ address, key }),
    };
  };
  const both = { first: point('pep.key'), second: point('second.key') };
  // The attacks come within a second: only what they attack may stand in their way.
  const value = { action_per_second: 1e6, action_per_minute: 1e6, session_per_minute: 1e6 };
  await both.first.client.patchData('limits/rate', { value });
  return {
    keys,
    ...both,
    token: (act = 'payer', scope = 'agent') =>
      mintDevToken({ sub: 'ana', act, client: 'finance-agent', scope }, { directory: keys }),
    async end() {
      for (const { client, transport } of Object.values(both)) {
        client.close();
        transport.close();
      }
      await serving.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A budget of 1000, and every amount that the attacks name is the user's. */
export const thousand = (changes: Partial<MandateInput> = {}): MandateInput =>
  mandate({
    limits: { payments: '1000' },
    declared: { account: ACCOUNT, a: '900', b: '400', c: '700', d: '1' },
    ...changes,
  });

export function pay(
  session: string,
  invoice: string,
  more: Partial<Ask> & { token: string; amount?: string },
) {
  const { amount = '900', ...ask } = more;
  return request({ ...payment(session, invoice, { amount }), ...ask });
}

/** What was said, and whether it was an earlier answer. */
export async function ask(at: Point, message: AuthorizeRequest): Promise<[string, boolean]> {
  const told = await tell(at, message);
  return [said(told), 'decision' in told && told.decision.replayed];
}

export async function decided(at: Point, message: AuthorizeRequest): Promise<Decision> {
  const told: Told = await tell(at, message);
  if (!('decision' in told)) throw new Error('nothing was decided');
  return told.decision;
}
