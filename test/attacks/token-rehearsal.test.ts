/** Proofs of possession (RFC 9449): a dry run spends none, and what one key has used is not used for another. */
import { generateKeyPairSync } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import type { Ask } from '../../src/model/ask.ts';
import { parseTokenConfig } from '../../src/token/config.ts';
import { mintDpopProof } from '../../src/token/mint.ts';
import { createMemoryReplayStore } from '../../src/token/replay-memory.ts';
import { createTokenVerifier, type TokenVerifier } from '../../src/token/verify.ts';
import { AT, askWith, codeOf, forge, issuerSection, keySet, NOW, thumbprint } from '../token/issuer.ts';

const URL_ = 'https://tools.example/pay';

let verifier: TokenVerifier;
beforeEach(async () => {
  verifier = await createTokenVerifier({
    config: parseTokenConfig({ issuers: [issuerSection()] }),
    replay: createMemoryReplayStore(() => AT),
    log: { warn: () => undefined },
    at: AT,
    readFile: () => keySet(),
  });
});

/** A key with a token of its own: what an ask with one proof of it comes to. */
async function holderOf(jti: string): Promise<(ask: Partial<Ask>) => Promise<string>> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const token = forge({ payload: { cnf: { jkt: thumbprint(publicKey) } } });
  const made = { privateKey, alg: 'ES256', method: 'POST', url: URL_, token, jti, iat: NOW };
  const proof = await mintDpopProof(made);
  const credential = { scheme: 'dpop' as const, token, proof, method: 'POST', url: URL_ };
  return (ask) => codeOf(() => verifier.verifyToken(askWith(credential, ask), AT));
}

test('dry runs leave the proof for the ask that they rehearsed', async () => {
  const code = await holderOf('p-1');
  for (const requestId of ['r-1', 'r-2', 'r-1'])
    expect(await code({ requestId, dryRun: true })).toBe('accepted');
  expect(await code({ requestId: 'r-3' })).toBe('accepted');
  expect(await code({ requestId: 'r-1' })).toBe('token.replayed');
});

test('a dry run with a proof that was used is a replay, as the ask itself would be', async () => {
  const code = await holderOf('p-1');
  expect(await code({ requestId: 'r-1' })).toBe('accepted');
  expect(await code({ requestId: 'r-2', dryRun: true })).toBe('token.replayed');
  expect(await code({ requestId: 'r-1', dryRun: true })).toBe('accepted');
});

test('of a batch of dry runs the proof is not used; one real ask among them uses it for the batch', async () => {
  const code = await holderOf('p-1');
  const call = (ids: readonly string[], dry: readonly string[]) => {
    const proofScope = [...ids];
    return Promise.all(
      ids.map((requestId) => code({ requestId, proofScope, dryRun: dry.includes(requestId) })),
    );
  };
  expect(await call(['r-1', 'r-2'], ['r-1', 'r-2'])).toEqual(['accepted', 'accepted']);
  expect(await call(['r-3', 'r-4'], ['r-3'])).toEqual(['accepted', 'accepted']);
  expect(await call(['r-1', 'r-2'], ['r-1', 'r-2'])).toEqual(['token.replayed', 'token.replayed']);
  expect(await code({ requestId: 'r-4' })).toBe('accepted');
});

test('two holders may number their proofs alike: neither uses up the other’s', async () => {
  const [one, other] = [await holderOf('p-1'), await holderOf('p-1')];
  expect(await one({ requestId: 'r-1' })).toBe('accepted');
  expect(await other({ requestId: 'r-2' })).toBe('accepted');
  expect(await one({ requestId: 'r-2' })).toBe('token.replayed');
});
