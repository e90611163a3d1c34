/** A house of its own for the bench: throwaway keys, agents with keys for a deep chain, tokens and a mandate. */
import { createPrivateKey, generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { mintHop } from '../src/delegation/mint.ts';
import { DEV_AUDIENCE, DEV_ISSUER, prepareDev } from '../src/dev.ts';
import { type Mandate, MandateSchema } from '../src/gen/assent/v1/mandate_pb.js';
import { mintAccessToken } from '../src/token/mint.ts';

const AGENTS = ['a0', 'a1', 'a2', 'a3', 'a4'] as const;
export interface World {
  readonly raw: Readonly<Record<string, unknown>>;
  readonly issuerKey: JsonWebKey;
  readonly agentKeys: ReadonlyMap<string, KeyObject>;
}

/** Writes (or finds) the keys below `directory`. */
export function makeWorld(directory: string, catalog: string): World {
  const raw = prepareDev(directory);
  const agentKeys = new Map<string, KeyObject>();
  const agents = AGENTS.map((id) => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    agentKeys.set(id, privateKey);
    return {
      iss: DEV_ISSUER,
      id,
      keys: [{ ...publicKey.export({ format: 'jwk' }), kid: id, alg: 'EdDSA', use: 'sig' }],
    };
  });
  return {
    raw: { ...raw, catalog, delegation: { agents } },
    issuerKey: JSON.parse(readFileSync(join(directory, 'issuer.jwk'), 'utf8')) as JsonWebKey,
    agentKeys,
  };
}

export const MANDATE: Mandate = create(MandateSchema, {
  taskType: 'invoice_run',
  purpose: 'pay the invoices of acme to DE02120300000000202051, 12.50 each',
  actions: ['payment.send', 'invoice.read', 'vendor.lookup'],
  declared: { vendor: 'acme', amount: '12.50', account: 'DE02120300000000202051' },
  limits: { payments: '1000000' },
  expireTime: timestampFromMs(Date.now() + 24 * 3_600_000),
});

/**
 * Data patched before the first ask, as JSON by path, for the walk and the bare evaluation alike: rates that no load
 * reaches, and payments of invoices that nobody named, since there is another one with each ask.
 */
export const LIFTED: ReadonlyMap<string, string> = new Map([
  ['limits/trusted_arguments/payment.send', '["amount","account"]'],
  ['limits/rate', '{"action_per_second":1e9,"action_per_minute":1e9,"session_per_minute":1e9}'],
]);

export async function mintToken(key: JsonWebKey, actor: string): Promise<string> {
  const iat = Math.floor(Date.now() / 1000);
  const claims = {
    iss: DEV_ISSUER,
    aud: DEV_AUDIENCE,
    sub: 'ana',
    client_id: 'bench',
    scope: 'agent',
    iat,
    exp: iat + 3000,
    jti: `bench-${actor}`,
    act: { iss: DEV_ISSUER, sub: actor },
  };
  return mintAccessToken({
    privateKey: createPrivateKey({ key, format: 'jwk' }),
    kid: 'dev-issuer',
    alg: 'ES256',
    claims,
  });
}

/** Four hops, a0 to a4, each leaving what the last left. */
export async function mintChain(keys: ReadonlyMap<string, KeyObject>, mandate: string): Promise<string[]> {
  const chain: string[] = [];
  const iat = Math.floor(Date.now() / 1000);
  for (let i = 0; i < 4; i += 1) {
    const key = keys.get(`a${i}`);
    if (key === undefined) throw new Error('an agent of the bench has no key');
    const parent = chain.at(-1);
    chain.push(
      await mintHop({
        privateKey: key,
        kid: `a${i}`,
        alg: 'EdDSA',
        tenant: 'dev',
        delegator: { iss: DEV_ISSUER, id: `a${i}` },
        delegate: { iss: DEV_ISSUER, id: `a${i + 1}` },
        mandate,
        task: 'invoice_run',
        actions: ['payment.send'],
        limits: { payments: '1000000' },
        jti: `hop-${mandate.slice(0, 8)}-${i}`,
        iat,
        exp: iat + 3000,
        ...(parent === undefined ? {} : { parent }),
      }),
    );
  }
  return chain;
}
