/** The tool has run: what is reported of it is let come to its end, and nobody is left to wonder what became of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { fromBinary } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ask, type Client, createClient, type Guarded } from '../../src/client/client.ts';
import {
  AuthorizeResponseSchema,
  ReportRequestSchema,
  ReportResponseSchema,
} from '../../src/gen/assent/v1/authorization_pb.js';
import { allow, bytesOf, type Fate, type FaultyWire, faultyWire, statusOf } from './wire.ts';

const ASK: Ask = { action: 'payment.send', token: 't', session: 's-1' };
const REPORT = { decisionId: 'd-1', sessionId: 's-1', outcome: 'executed' } as const;
const TAKEN: Fate = bytesOf(ReportResponseSchema, { valuesRemembered: 2 });
const NOT_NOW: Fate = { code: status.UNAVAILABLE, details: 'the session store is unavailable' };
const REFUSED: Fate = { code: status.FAILED_PRECONDITION, details: 'the session is closed' };

let wire: FaultyWire;
let client: Client;
/** Bytes of each report that arrived, in order. */
let arrived: Uint8Array[];
let unreported: unknown[];
/** What becomes of the reports, the last of it again and again. The client is closed as the first one arrives. */
let fates: (() => Fate | Promise<Fate>)[];

beforeEach(async () => {
  wire = await faultyWire();
  arrived = [];
  unreported = [];
  client = createClient({
    address: wire.address,
    key: 'k',
    timeoutMs: 1000,
    onUnreported: ({ id }, { status, message }) => {
      unreported.push([id, status, message]);
    },
  });
  wire.unary = (bytes) => {
    // Field 1 of a report is its decision's id; of an ask, a UUID.
    const told = fromBinary(ReportRequestSchema, bytes.subarray(0, 2 + (bytes[1] ?? 0)));
    if (told.decisionId !== REPORT.decisionId) return bytesOf(AuthorizeResponseSchema, { decision: allow() });
    arrived.push(bytes);
    client.close();
    return (fates[arrived.length - 1] ?? fates.at(-1))?.() ?? 'silence';
  };
});
afterEach(() => {
  client.close();
  wire.stop();
});

async function restarted(): Promise<Fate> {
  await wire.restart();
  return 'silence';
}

describe('a report whose client is closed while its first try is out', () => {
  test.each<[string, () => Fate | Promise<Fate>]>([
    ['was refused for now', () => NOT_NOW],
    ['was lost with its connection', restarted],
  ])('is tried again where that %s', async (_, first) => {
    fates = [first, () => TAKEN];
    expect(await client.report(REPORT)).toEqual({ valuesRemembered: 2 });
    expect(arrived).toHaveLength(2);
    expect(arrived[1]).toEqual(arrived[0]);
  });

  test('is tried again for a guarded tool, and nobody is told otherwise', async () => {
    fates = [() => NOT_NOW, () => TAKEN];
    expect(await client.guard(ASK, () => 'paid')).toMatchObject({ output: 'paid', reported: true });
    expect([arrived.length, unreported]).toEqual([2, []]);
  });

  test.each<[string, Fate, number, string, string]>([
    ['refused for good', REFUSED, 1, 'FAILED_PRECONDITION', 'the session is closed'],
    ['refused at each try', NOT_NOW, 3, 'UNAVAILABLE', 'the session store is unavailable'],
    ['nor answers', 'silence', 1, 'DEADLINE_EXCEEDED', 'no answer came in time'],
  ])('and that nobody takes, %s, is told once', async (_, fate, tries, code, words) => {
    fates = [() => fate];
    const done: Guarded<string> = await client.guard(ASK, () => 'paid');
    expect(done).toMatchObject({ output: 'paid', reported: false, reportFailure: { status: code } });
    expect(unreported).toEqual([['d-1', code, words]]);
    expect(arrived).toHaveLength(tries);
  });

  test('and refused for good rejects with what the server said', async () => {
    fates = [() => REFUSED];
    await expect(client.report(REPORT)).rejects.toMatchObject({
      status: 'FAILED_PRECONDITION',
      message: 'the session is closed',
    });
  });

  test('and closed once more, between two tries, is tried all the same', async () => {
    const later = statusOf(status.UNAVAILABLE, 'later', 50);
    fates = [() => ({ code: status.UNAVAILABLE, status: later }), () => TAKEN];
    const reporting = client.report(REPORT);
    while (arrived.length === 0) await new Promise((resolve) => setImmediate(resolve));
    client.close();
    expect(await reporting).toEqual({ valuesRemembered: 2 });
  });
});

describe('a report that would begin after the close', () => {
  const CLOSED = { status: 'CANCELLED', reason: 'CLIENT_CLOSED', message: 'the client was closed' };
  test.each<[string, () => string]>([
    ['returns', () => 'paid'],
    [
      'throws',
      () => {
        throw new Error('bounced');
      },
    ],
  ])('is not made: a tool that then %s has it told once', async (_, end) => {
    fates = [() => TAKEN];
    const guarding = client.guard(ASK, () => {
      client.close();
      return end();
    });
    await Promise.allSettled([guarding]);
    expect([unreported, arrived]).toEqual([[['d-1', CLOSED.status, CLOSED.message]], []]);
  });

  test('is not made: it rejects, and says that it is the client that is closed', async () => {
    fates = [() => TAKEN];
    client.close();
    await expect(client.report(REPORT)).rejects.toMatchObject(CLOSED);
    expect(arrived).toEqual([]);
  });
});

test('the connection of a closed client ends with its last report', async () => {
  const far = connect(Number(wire.address.split(':').at(-1)), '127.0.0.1');
  const between = createServer((near) => {
    near.pipe(far).pipe(near);
    near.once('close', () => between.close());
  });
  between.listen(0, '127.0.0.1');
  await once(between, 'listening');
  const ended = once(between, 'close', { signal: AbortSignal.timeout(5000) });
  const { port } = between.address() as AddressInfo;
  const closing = createClient({ address: `127.0.0.1:${port}`, key: 'k' });
  fates = [
    () => {
      closing.close();
      return NOT_NOW;
    },
    () => TAKEN,
  ];
  const [first, second] = [closing.report(REPORT), closing.report(REPORT)];
  expect(await Promise.all([first, second])).toMatchObject([
    { valuesRemembered: 2 },
    { valuesRemembered: 2 },
  ]);
  await ended;
});

test('a closed client holds its process until the report is made, and no longer', async () => {
  // Far enough away for the process to end before, if nothing held it.
  const later = statusOf(status.UNAVAILABLE, 'later', 500);
  fates = [() => ({ code: status.UNAVAILABLE, status: later }), () => TAKEN];
  const module = new URL('../../src/client/client.ts', import.meta.url).href;
  const script = `
    import { createClient } from '${module}';
    const client = createClient({ address: '${wire.address}', key: 'k' });
    client.report(${JSON.stringify(REPORT)}).then((told) => console.log(JSON.stringify(told)));
    process.stdin.once('data', () => {
      client.close();
      process.stdin.destroy();
    });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: 20_000,
  });
  const ended = once(child, 'exit');
  const said = text(child.stdout);
  while (arrived.length === 0 && child.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 5));
  child.stdin.write('close');
  expect([await ended, await said]).toEqual([[0, null], '{"valuesRemembered":2}\n']);
  expect(arrived).toHaveLength(2);
}, 30_000);
