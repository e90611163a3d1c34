import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ask, type Client, createClient } from '../../src/client/client.ts';
import { BadRequestSchema, ErrorInfoSchema } from '../../src/gen/google/rpc/error_details_pb.js';
import { StatusSchema } from '../../src/gen/google/rpc/status_pb.js';
import { type Fate, type FaultyWire, faultyWire } from './wire.ts';

/** What no bytes say: sent, it would come out as another text. */
const LONE = '\ud800';
const MANDATE = { taskType: 'run', actions: ['invoice.*'], expiresAt: 1_900_000_000_123 };
const ASK: Ask = { action: 'payment.send', token: 't' };
const DPOP = { token: 't', proof: 'p', method: 'POST', url: 'https://gateway.example/pay' };
const REPORT = { decisionId: 'd-1', sessionId: 's-1', outcome: 'executed' } as const;

let wire: FaultyWire;
let client: Client;
let calls: number;
let fate: Fate;

beforeEach(async () => {
  wire = await faultyWire();
  client = createClient({ address: wire.address, key: 'k', timeoutMs: 1000 });
  calls = 0;
  fate = { code: status.NOT_FOUND };
  wire.unary = () => {
    calls += 1;
    return fate;
  };
});
afterEach(() => {
  client.close();
  wire.stop();
});

describe('an ask', () => {
  test.each([
    ['ask', undefined],
    ['ask', 'payment.send'],
    ['sesion', { ...ASK, sesion: 's-1' }],
    ['dryrun', { ...ASK, dryrun: true }],
    ['dryRun', { ...ASK, dryRun: 'yes' }],
    ['action', { token: 't' }],
    ['action', { ...ASK, action: LONE }],
    ['arguments', { ...ASK, arguments: null }],
    ['resource', { ...ASK, resource: null }],
    ['resource', { ...ASK, resource: new Map([['id', 'x']]) }],
    ['resource.kind', { ...ASK, resource: { kind: 'invoice' } }],
    ['resource.type', { ...ASK, resource: { type: LONE } }],
    ['resource.id', { ...ASK, resource: { type: 'a', id: `x${LONE}` } }],
    ['resource.properties.a', { ...ASK, resource: { properties: { a: LONE } } }],
    ['resource.properties', { ...ASK, resource: { properties: null } }],
    ['claimed.a', { ...ASK, claimed: { a: LONE } }],
    ['claimed', { ...ASK, claimed: null }],
    ['token', { ...ASK, token: 5 }],
    ['token', { ...ASK, token: LONE }],
    ['token.htu', { ...ASK, token: { ...DPOP, htu: 'https://gateway.example' } }],
    ['token.url', { ...ASK, token: { ...DPOP, url: LONE } }],
    ['certificateThumbprint', { ...ASK, certificateThumbprint: LONE }],
    ['session', { ...ASK, session: 5 }],
    ['session', { ...ASK, session: LONE }],
    ['session.key', { ...ASK, session: { key: LONE, mandate: MANDATE } }],
    ['session.id', { ...ASK, session: { id: 's-1', key: 'k', mandate: MANDATE } }],
    ['session.mandate.limit', { ...ASK, session: { key: 'k', mandate: { ...MANDATE, limit: {} } } }],
    ['chain', { ...ASK, chain: 'hop' }],
    ['chain[1]', { ...ASK, chain: ['hop', LONE] }],
    ['chain[0]', { ...ASK, chain: new Array(1) }],
    ['operationId', { ...ASK, operationId: LONE }],
    ['timeoutMs', { ...ASK, timeoutMs: '400' }],
    ['traceparent', { ...ASK, traceparent: LONE }],
  ])('is not sent for its `%s`', async (field, ask) => {
    const permissions = [
      await client.authorize(ask as never),
      ...(await client.authorizeBatch([ask as never])),
    ];
    for (const { permitted, attempts, reasons } of permissions) {
      expect([permitted, attempts, reasons[0]?.code]).toEqual([false, 0, 'client.malformed_ask']);
      expect(reasons[0]?.words).toMatch(`the ask cannot be sent as it is: \`${field}\` `);
    }
    expect(calls).toBe(0);
  });
});

describe('a verb', () => {
  const open = (mandate: object) => client.openSession(mandate as never);
  test.each([
    ['mandate.limit', () => open({ ...MANDATE, limit: { payments: '5' } })],
    ['mandate.limits', () => open({ ...MANDATE, limits: new Map([['payments', '5']]) })],
    ['mandate.declared.vendor', () => open({ ...MANDATE, declared: { vendor: `ac${LONE}` } })],
    ['mandate.declared', () => open({ ...MANDATE, declared: { [LONE]: 'acme' } })],
    ['mandate.purpose', () => open({ ...MANDATE, purpose: LONE })],
    ['mandate.taskType', () => open({ ...MANDATE, taskType: LONE })],
    ['mandate.actions[0]', () => open({ ...MANDATE, actions: [LONE] })],
    ['mandate.subject.id', () => open({ ...MANDATE, subject: { iss: 'a', id: LONE } })],
    ['mandate.actor.issuer', () => open({ ...MANDATE, actor: { iss: 'a', id: 'b', issuer: 'c' } })],
    ['openKey', () => client.openSession(MANDATE, LONE)],
    ['id', () => client.getSession(LONE)],
    ['id', () => client.amendSession(5 as never, MANDATE)],
    ['id', () => client.closeSession(LONE)],
    ['id', () => client.resume(LONE)],
    ['cause', () => client.suspend('s-1', LONE)],
    ['page', () => client.listSessions(5 as never)],
    ['page.pageSize', () => client.listSessions({ pageSize: 5 } as never)],
    ...[1.5, 2 ** 40, -1, Number.NaN, '5'].flatMap((size): [string, () => Promise<unknown>][] => [
      ['page.size', () => client.listSessions({ size: size as never })],
      ['page.size', () => client.listBundles({ size: size as never })],
    ]),
    ['page.token', () => client.listBundles({ token: LONE })],
    ['report', () => client.report(undefined as never)],
    ['outcome', () => client.report({ ...REPORT, outcome: 'toString' as never })],
    ['proof', () => client.report({ ...REPORT, proof: 'p' } as never)],
    ['failureProof', () => client.report({ ...REPORT, failureProof: LONE })],
    ['mediaType', () => client.report({ ...REPORT, mediaType: 5 as never })],
    ['content', () => client.pushBundle({ kind: 'files' } as never)],
    [
      'content.files.a.rego',
      () => client.pushBundle({ kind: 'sources', files: new Map([['a.rego', LONE]]) }),
    ],
    ['content.bytes', () => client.pushBundle({ kind: 'bundle', bytes: 'gzip' as never })],
    [
      'validateonly',
      () => client.pushBundle({ kind: 'bundle', bytes: new Uint8Array() }, { validateonly: true } as never),
    ],
    ['revision', () => client.rollback(LONE)],
    ['path', () => client.patchData(LONE, { value: 1 })],
    ['remove', () => client.patchData('a', { remove: false as never })],
    ['value', () => client.patchData('a', { remove: true, value: 1 } as never)],
    ['valeu', () => client.patchData('a', { valeu: 1 } as never)],
    ['path', () => client.getData(LONE)],
  ])('is not called for its `%s`', async (field, verb) => {
    const refusal = { name: 'AssentError', status: 'INVALID_ARGUMENT', fields: [{ field }] };
    await expect(verb()).rejects.toMatchObject(refusal);
    expect(calls).toBe(0);
  });
});

describe('the server says what is wrong', () => {
  test.each([
    ['mandate.expire_time', 'mandate.expiresAt'],
    ['mandate.task_type', 'mandate.taskType'],
    ['mandate.actor.issuer', 'mandate.actor.iss'],
    ['ask.session.open.mandate.expire_time.seconds', 'session.mandate.expiresAt.seconds'],
    ['asks[3].session.open.mandate.task_type', 'session.mandate.taskType'],
    ['mandate.declared.expire_time', 'mandate.declared.expire_time'],
    ['mandate.limits.$&', 'mandate.limits.$&'],
  ])('of `%s`, and the client names it `%s`', async (contract, field) => {
    const details = [
      anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason: 'MALFORMED_REQUEST', domain: 'assent' })),
      anyPack(
        BadRequestSchema,
        create(BadRequestSchema, { fieldViolations: [{ field: contract, description: 'is wrong' }] }),
      ),
    ];
    const message = `\`${contract}\` is wrong`;
    const said = create(StatusSchema, { code: status.INVALID_ARGUMENT, message, details });
    fate = { code: status.INVALID_ARGUMENT, details: message, status: said };
    await expect(client.openSession(MANDATE)).rejects.toMatchObject({
      message: `\`${field}\` is wrong`,
      fields: [{ field, problem: 'is wrong' }],
    });
  });
});
