import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Fault } from '../../src/model/refusal.ts';
import { parseTokenConfig } from '../../src/token/config.ts';
import { createMemoryReplayStore } from '../../src/token/replay-memory.ts';
import { createTokenVerifier, type TokenVerifier } from '../../src/token/verify.ts';
import { AT, askWith, codeOf, forge, issuerSection, jwkOf, keySet, PAIRS } from './issuer.ts';

const MINUTE = 60_000;
/** Past the time in which an endpoint is not asked again. */
const LATER = 31_000;

let server: Server;
let url: string;
let asked: string[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let verifier: TokenVerifier;
let warnings: string[];

beforeEach(async () => {
  asked = [];
  warnings = [];
  answer = serve(keySet());
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
});

afterEach(() => {
  verifier.close();
  server.closeAllConnections();
  server.close();
});

function serve(body: string): typeof answer {
  return (_, response) => response.end(body);
}

async function start(mostWaiting?: number): Promise<TokenVerifier> {
  verifier = await createTokenVerifier({
    config: parseTokenConfig({ issuers: [issuerSection({ keys: { url }, max_lifetime_seconds: 86_400 })] }),
    replay: createMemoryReplayStore(() => AT),
    log: { warn: (_, words) => warnings.push(words) },
    at: AT,
    ...(mostWaiting === undefined ? {} : { mostWaiting }),
  });
  return verifier;
}

/** Valid for the whole of every test. */
const LONG = { exp: AT / 1000 + 80_000 };
const known = askWith({ token: forge({ payload: LONG }) });
const withKid = (kid: string) => askWith({ token: forge({ header: { kid }, payload: LONG }) });
const code = (ask = known, at = AT) => codeOf(() => verifier.verifyToken(ask, at));

test('keys are fetched once at start', async () => {
  await start();
  expect(await code()).toBe('accepted');
  expect(await code()).toBe('accepted');
  expect(asked).toEqual(['/jwks']);
});

test('a new key is found when a token names it', async () => {
  answer = serve(JSON.stringify({ keys: [] }));
  await start();
  answer = serve(keySet());
  expect(await code(known, AT + LATER)).toBe('accepted');
});

test('a key that was withdrawn is not used any more, not even for a token that was verified by it', async () => {
  await start();
  expect(await code()).toBe('accepted');
  answer = serve(keySet().replaceAll('"kid":"EdDSA"', '"kid":"EdDSA-2"'));
  expect(await code(withKid('EdDSA-2'), AT + LATER)).toBe('accepted');
  expect(await code(known, AT + LATER)).toBe('token.unknown_key');
});

test('an unchanged set keeps what was verified', async () => {
  await start();
  const first = await verifier.verifyToken(known, AT);
  await code(withKid('nobody'), AT + LATER);
  expect(asked).toHaveLength(2);
  expect(verifier.verifyToken(known, AT + LATER)).toBe(first);
});

test('many at once share one refetch', async () => {
  await start();
  const codes = await Promise.all(
    Array.from({ length: 50 }, (_, i) => code(withKid(`nobody-${i}`), AT + LATER)),
  );
  expect(new Set(codes)).toEqual(new Set(['token.unknown_key']));
  expect(asked).toHaveLength(2);
});

describe('an endpoint that fails', () => {
  const big = `{"keys":[],"padding":"${'x'.repeat(300_000)}"}`;
  const many = JSON.stringify({
    keys: Array.from({ length: 201 }, (_, i) => jwkOf(PAIRS.EdDSA.publicKey, { kid: `k${i}` })),
  });
  test.each<[string, typeof answer]>([
    ['answers 500', (_, response) => response.writeHead(500).end('{"keys":[]}')],
    ['answers with garbage', serve('<html>')],
    ['answers with another document', serve('{"issuer":"https://issuer.example"}')],
    ['answers with a member twice', serve('{"keys":[],"keys":[]}')],
    ['answers with too many bytes', serve(big)],
    ['answers with too many keys', serve(many)],
    ['hangs up', (request) => request.destroy()],
    ['sends half an answer', (request, response) => response.write('{"keys":', () => request.destroy())],
  ])('%s: what is there stays, the unknown stays unknown', async (_, broken) => {
    await start();
    answer = broken;
    expect(await code(withKid('nobody'), AT + LATER)).toBe('token.unknown_key');
    expect(asked).toHaveLength(2);
    expect(await code(known, AT + LATER)).toBe('accepted');
    expect(warnings).toContain('keys of an issuer could not be fetched');
  });

  test('is down at start: nothing verifies until it is back', async () => {
    answer = (request) => request.destroy();
    await start();
    expect(await code()).toBe('token.unknown_key');
    answer = serve(keySet());
    expect(await code(known, AT + 1_000)).toBe('token.unknown_key');
    expect(await code(known, AT + LATER)).toBe('accepted');
  });

  test('is gone: its keys are used for a bounded time', async () => {
    await start();
    answer = (request) => request.destroy();
    expect(await code(known, AT + 11 * MINUTE)).toBe('accepted');
    expect(await code(known, AT + 70 * MINUTE)).toBe('accepted');
    expect(await code(known, AT + 70 * MINUTE + 1)).toBe('token.unknown_key');
    answer = serve(keySet());
    expect(await code(known, AT + 72 * MINUTE)).toBe('accepted');
  });

  test('is slow: an ask waits for it only so long', async () => {
    await start();
    answer = () => undefined;
    expect(await code(withKid('nobody'), AT + LATER)).toBe('token.unknown_key');
    expect(warnings).toContain('keys of an issuer could not be fetched');
  }, 15_000);
});

test('keys close to their age are refreshed while the old ones answer', async () => {
  await start();
  await verifier.verifyToken(known, AT);
  const { verifyToken } = verifier;
  expect(verifyToken(known, AT + 9 * MINUTE)).not.toBeInstanceOf(Promise);
  expect(verifyToken(known, AT + 9 * MINUTE + 1)).not.toBeInstanceOf(Promise);
  await expect.poll(() => asked.length, { timeout: 5_000 }).toBe(2);
});

describe('an issuer of whom nobody asked for longer than its keys are taken for fresh', () => {
  const withdrawn = keySet().replaceAll('"kid":"EdDSA"', '"kid":"EdDSA-2"');

  test.each([10 * MINUTE + 1, 69 * MINUTE])(
    'has its keys refreshed before they are used: %i ms',
    async (age) => {
      await start();
      expect(await code()).toBe('accepted');
      answer = serve(withdrawn);
      const asks = [known, known, withKid('EdDSA'), known];
      expect(await Promise.all(asks.map((ask, i) => code(ask, AT + age + i)))).toEqual(
        asks.map(() => 'token.unknown_key'),
      );
      expect(await code(withKid('EdDSA-2'), AT + age + 5)).toBe('accepted');
      expect(asked).toHaveLength(2);
    },
  );

  test('does so again after an old try that failed', async () => {
    await start();
    answer = (request) => request.destroy();
    expect(await code(known, AT + 11 * MINUTE)).toBe('accepted');
    answer = serve(withdrawn);
    expect(await code(known, AT + 30 * MINUTE)).toBe('token.unknown_key');
  });

  test('and whose endpoint hangs has those that there are used, after a while once', async () => {
    await start();
    await code();
    answer = () => undefined;
    const { verifyToken } = verifier;
    const late = verifyToken(known, AT + 30 * MINUTE);
    expect(late).toBeInstanceOf(Promise);
    expect(await codeOf(() => late)).toBe('accepted');
    // The fetch is still under way: nobody waits for it any more.
    expect(warnings).toEqual([]);
    expect(verifyToken(known, AT + 30 * MINUTE + 1)).not.toBeInstanceOf(Promise);
    expect(asked).toHaveLength(2);
  });

  test('keeps what was verified when its keys are the same', async () => {
    await start();
    const first = await verifier.verifyToken(known, AT);
    expect(await code(known, AT + 30 * MINUTE)).toBe('accepted');
    const again = await verifier.verifyToken(known, AT + 30 * MINUTE);
    expect(again).toStrictEqual(first);
    expect(verifier.verifyToken(known, AT + 30 * MINUTE)).toBe(again);
  });
});

describe('while the endpoint hangs', () => {
  const impatient = (kid: string, at: number, ms: number) => ({ ...withKid(kid), deadline: at + ms });

  test('an unknown kid waits until the deadline of its ask, and gives up before the fetch does', async () => {
    await start();
    answer = () => undefined;
    const at = AT + LATER;
    await expect(verifier.verifyToken(impatient('nobody', at, 50), at)).rejects.toEqual(
      new Fault('DEADLINE_PASSED'),
    );
    expect(warnings).toEqual([]);
  });

  test('only so many wait: others are unknown at once, and places are given back', async () => {
    await start(2);
    const hung = new Promise<() => void>((resolve) => {
      answer = (_, response) => resolve(() => response.end(keySet()));
    });
    const at = AT + LATER;
    const givesUp = verifier.verifyToken(impatient('a', at, 50), at) as Promise<unknown>;
    const waits = code(withKid('b'), at);
    expect(await Promise.all([code(withKid('c'), at), code(withKid('d'), at)])).toEqual([
      'token.unknown_key',
      'token.unknown_key',
    ]);
    expect(await code(known, at)).toBe('accepted');
    await expect(givesUp).rejects.toBeInstanceOf(Fault);
    const next = verifier.verifyToken(withKid('e'), at);
    expect(next).toBeInstanceOf(Promise);
    expect(await code(withKid('f'), at)).toBe('token.unknown_key');
    expect(asked).toHaveLength(2);
    (await hung)();
    expect([await waits, await codeOf(() => next)]).toEqual(['token.unknown_key', 'token.unknown_key']);
  });

  test('a new key is found by all who could wait for it', async () => {
    answer = serve(JSON.stringify({ keys: [] }));
    await start(2);
    answer = serve(keySet());
    const at = AT + LATER;
    expect(await Promise.all([code(known, at), code(known, at), code(known, at)])).toEqual([
      'accepted',
      'accepted',
      'token.unknown_key',
    ]);
  });
});

test('closing ends a fetch under way', async () => {
  await start();
  const hung = new Promise<void>((resolve) => {
    answer = () => resolve();
  });
  const waiting = code(withKid('nobody'), AT + LATER);
  await hung;
  verifier.close();
  expect(await waiting).toBe('token.unknown_key');
  expect(await code(withKid('nobody'), AT + 2 * LATER)).toBe('token.unknown_key');
  expect(asked).toHaveLength(2);
});
