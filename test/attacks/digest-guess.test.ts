/** Whoever reads records or session entries tries out what a sensitive argument may have been. */
import { hash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readOpenings } from '../../src/audit/openings.ts';
import { readRecords } from '../../src/audit/read.ts';
import { mintDevToken } from '../../src/cli/dev-material.ts';
import { createTransport } from '../../src/client/transport.ts';
import { prepareDev } from '../../src/dev.ts';
import {
  AuthorizationService,
  type AuthorizeRequest,
  AuthorizeRequestSchema,
} from '../../src/gen/assent/v1/authorization_pb.js';
import { type Serving, serve } from '../../src/main.ts';
import { canonicalJson, quoteJson } from '../../src/model/json.ts';
import { createKeyedDigest } from '../../src/model/keyed-digest.ts';
import { decodeAsk } from '../../src/wire/grpc/decode.ts';
import { request } from '../system/asking.ts';

const BODY = (pin: string): string => `the pin is ${pin}`;
const PIN = '4711';
const PINS = Array.from({ length: 10_000 }, (_, i) => String(i).padStart(4, '0'));

interface Recorded {
  readonly text: string;
  /** What the user said may be known; the argument is not. */
  readonly words: ReadonlyMap<string, string>;
  readonly ts: number;
  readonly request_digest: string;
  readonly facts: object;
  readonly session: {
    readonly payload: { readonly entry: { readonly content: string; readonly input: string } };
  };
}

let directory: string;
let message: AuthorizeRequest;
const servings: Serving[] = [];
/** What each server recorded of the same message: two of one fleet, and one with a key of its own. */
const recorded: Recorded[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'assent-guess-'));
  const raw = prepareDev(directory);
  const agent = { sub: 'ana', act: 'payer', client: 'finance-agent', scope: 'agent' };
  message = request({
    action: 'mail.send',
    arguments: { to: ['ana@corp.example'], subject: 'as you asked', body: BODY(PIN) },
    session: {
      key: 'thread-1',
      mandate: {
        taskType: 'mail',
        purpose: 'write to ana@corp.example',
        actions: ['mail.send'],
        expiresAt: Date.now() + 600_000,
      },
    },
    token: await mintDevToken(agent, { directory }),
  });
  writeFileSync(join(directory, 'other.key'), randomBytes(32).toString('base64url'));
  for (const [name, fleetKey] of [
    ['a', 'fleet.key'],
    ['b', 'fleet.key'],
    ['c', 'other.key'],
  ] as const)
    recorded.push(await ask(name, { ...raw, fleet_key_file: join(directory, fleetKey) }));
}, 60_000);

afterAll(async () => {
  for (const serving of servings) await serving.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** Starts a server with a store and a log of its own, sends the message, and reads what was recorded of it. */
async function ask(name: string, raw: object): Promise<Recorded> {
  const records = join(directory, name);
  const config = {
    ...raw,
    store: join(directory, `${name}.db`),
    record_log: { directory: records, durability: 'os' },
  };
  const file = join(directory, `${name}.json`);
  writeFileSync(file, JSON.stringify(config));
  const serving = await serve({
    dev: true,
    config: file,
    devDirectory: directory,
    listen: '127.0.0.1:0',
    env: { ASSENT_LOG_LEVEL: 'silent' },
  });
  servings.push(serving);
  const key = readFileSync(join(directory, 'pep.key'), 'utf8').trim();
  const transport = createTransport({ address: serving.addresses[0] ?? '', key });
  const reply = await transport.unary(AuthorizationService.method.authorize, message, 5000);
  transport.close();
  expect(reply).toMatchObject({ ok: true, message: { decision: { effect: 1 } } });
  for (const { text } of readRecords(records)) {
    const record = JSON.parse(text) as Recorded & { readonly kind: string };
    if (record.kind !== 'decision') continue;
    const openings = [...readOpenings(records).values()].filter(({ value }) => !value.includes(PIN));
    return { ...record, text, words: new Map(openings.map(({ commitment, value }) => [commitment, value])) };
  }
  throw new Error('nothing was recorded');
}

/** What the digest of the ask stands for, with another pin: all of it but the pin is known. */
function contentWith(pin: string, { ts }: Recorded): string {
  const { action } = message;
  if (action === undefined) throw new Error('the message has no action');
  const args = JSON.parse(Buffer.from(action.argumentsJson).toString()) as object;
  const argumentsJson = Uint8Array.from(Buffer.from(JSON.stringify({ ...args, body: BODY(pin) })));
  const bytes = toBinary(AuthorizeRequestSchema, { ...message, action: { ...action, argumentsJson } });
  const pep = { id: 'dev', tenant: 'dev', roles: new Set<never>() };
  return decodeAsk(bytes, { pep, at: ts, callDeadline: ts + 1000, field: '', digestAsk: (text) => text })
    .digest;
}

/** Policy's input, put together from the record, the user's words and a guess at the argument. */
function inputWith(pin: string, { facts, words }: Recorded): string {
  return canonicalJson(facts as never).replace(
    /\{"commitment":"([^"]*)"\}/g,
    (_, commitment: string) => words.get(commitment) ?? quoteJson(BODY(pin)),
  );
}

const UNKEYED = ['sha256', 'sha512', 'sha512-256', 'sha1'].flatMap((algorithm) =>
  (['base64url', 'hex'] as const).map((encoding) => (text: string) => hash(algorithm, text, encoding)),
);

test('the sensitive argument stands nowhere in the record', () => {
  for (const { text } of recorded) expect(text).not.toContain(PIN);
});

test('no digest without the key of any of 10,000 guesses stands in the record or its session entry', () => {
  const [record] = recorded;
  if (record === undefined) throw new Error('nothing was recorded');
  const found = PINS.filter((pin) => {
    const texts = [contentWith(pin, record), inputWith(pin, record), BODY(pin), quoteJson(BODY(pin)), pin];
    // The first characters are enough: a digest cut short would be found as well.
    return texts.some((text) => UNKEYED.some((digest) => record.text.includes(digest(text).slice(0, 12))));
  });
  expect(found).toEqual([]);
}, 60_000);

test('with the key the same guesses find the argument, and nothing else', () => {
  const [record] = recorded;
  if (record === undefined) throw new Error('nothing was recorded');
  const fleetKey = Buffer.from(readFileSync(join(directory, 'fleet.key'), 'utf8').trim(), 'base64url');
  const { content, input } = record.session.payload.entry;
  const ofAsk = createKeyedDigest(fleetKey, 'ask');
  const ofInput = createKeyedDigest(fleetKey, 'input');
  expect(PINS.filter((pin) => ofAsk(contentWith(pin, record)) === content)).toEqual([PIN]);
  expect(PINS.filter((pin) => ofInput(inputWith(pin, record)) === input)).toEqual([PIN]);
  expect(record.request_digest).toBe(content);
});

test('one ask has one digest in a fleet, and another one under another key', () => {
  const [a, b, c] = recorded.map(({ request_digest }) => request_digest);
  expect(b).toBe(a);
  expect(c).not.toBe(a);
});
