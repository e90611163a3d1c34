import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { KEY, requestId, type Served, serve } from '../wire/harness.ts';

/** grpcurl is a Go tool that nobody needs to have: where it is missing, these tests are reported as skipped. */
const GRPCURL = process.env['ASSENT_TEST_GRPCURL'] ?? 'grpcurl';
const present = spawnSync(GRPCURL, ['-version']).status === 0;

const run = promisify(execFile);

async function grpcurl(house: Served, ...args: string[]): Promise<string> {
  const address = house.addresses[0] ?? '';
  // Flags come first; the address stands before the verb or method, which is the last argument.
  const last = args.pop() ?? '';
  const { stdout } = await run(GRPCURL, ['-plaintext', '-max-time', '10', ...args, address, last]);
  return stdout;
}

const ASK = {
  action: { name: 'invoice.read', arguments_json: Buffer.from('{"id":"INV-17"}').toString('base64') },
  credential: { bearer_token: 'header.payload.signature' },
  session: { id: 'ses-1' },
};
const AUTHORIZED = ['-H', `authorization: Bearer ${KEY}`] as const;

describe.skipIf(!present)('grpcurl, by reflection alone', () => {
  test('lists the services and describes a method with all that it imports', async () => {
    const house = await serve();
    expect((await grpcurl(house, 'list')).trim().split('\n').toSorted()).toEqual([
      'assent.v1.AuthorizationService',
      'assent.v1.PolicyService',
      'assent.v1.SessionService',
      'grpc.health.v1.Health',
    ]);
    const { stdout } = await run(GRPCURL, [
      '-plaintext',
      house.addresses[0] ?? '',
      'describe',
      'assent.v1.Decision',
    ]);
    expect(stdout).toContain('.google.protobuf.Timestamp expire_time');
  });

  test('asks, and reads the decision', async () => {
    const house = await serve();
    const data = JSON.stringify({ request_id: requestId(), ...ASK });
    const method = 'assent.v1.AuthorizationService/Authorize';
    const answer = JSON.parse(await grpcurl(house, ...AUTHORIZED, '-d', data, method));
    expect(answer.decision).toMatchObject({ effect: 'EFFECT_ALLOW', sessionId: 'ses-1' });
  });

  test('asks on the stream', async () => {
    const house = await serve();
    const data = [requestId(), requestId()]
      .map((id) => JSON.stringify({ ask: { request_id: id, ...ASK } }))
      .join('\n');
    const answer = await grpcurl(
      house,
      ...AUTHORIZED,
      '-d',
      data,
      'assent.v1.AuthorizationService/AuthorizeStream',
    );
    expect(answer.match(/EFFECT_ALLOW/g)).toHaveLength(2);
  });

  test('reads the details of an error', async () => {
    const house = await serve();
    const method = 'assent.v1.AuthorizationService/Authorize';
    const failed = await grpcurl(house, ...AUTHORIZED, '-d', '{"request_id":"x"}', method).catch(
      (error: { stderr: string }) => error.stderr,
    );
    expect(failed).toContain('InvalidArgument');
    expect(failed).toContain('MALFORMED_REQUEST');
    expect(failed).toContain('request_id');
  });

  test('asks for health', async () => {
    const house = await serve();
    expect(JSON.parse(await grpcurl(house, 'grpc.health.v1.Health/Check'))).toEqual({ status: 'SERVING' });
  });
});

test('reflection is not served without dev, unless it is asked for', async () => {
  // A unix socket may serve plaintext without dev.
  const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
  const reply = await Promise.all(
    [false, true].map(async (reflection) => {
      const { mkdtempSync } = await import('node:fs');
      const { tmpdir } = await import('node:os');
      const directory = mkdtempSync(`${tmpdir()}/assent-reflection-`);
      const house = await serve({ dev: false, reflection, listen: [`unix:${directory}/s`] });
      return (await house.call(path, new Uint8Array())).code;
    }),
  );
  expect(reply[0]).toBe('UNIMPLEMENTED');
  expect(reply[1]).not.toBe('UNIMPLEMENTED');
});
