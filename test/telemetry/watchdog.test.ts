import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { prepareDev } from '../../src/dev.ts';
import { assemble } from '../../src/main.ts';
import { ROLES } from '../../src/model/ask.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createSign, readSign } from '../../src/telemetry/sign.ts';
import { scratch } from '../audit/fixture.ts';
import { fixture } from '../policy/archive.ts';

test('the line names the revision that came into force within the beat in which everything stood still', {
  timeout: 60_000,
}, () => {
  const script = fileURLToPath(new URL('./standing-still.ts', import.meta.url));
  const run = spawnSync(process.execPath, [script, 'the-second'], { encoding: 'utf8', timeout: 50_000 });
  expect(run.signal).toBe('SIGKILL');
  expect(JSON.parse(run.stdout + run.stderr)).toMatchObject({ stalledMs: 6000, revision: 'the-second' });
});

test('the revision is shown as it comes in force, without any beat', async () => {
  const directory = scratch();
  const catalog = fileURLToPath(new URL('../../policies/catalog.json', import.meta.url));
  const raw = { catalog, ...prepareDev(directory), record_log: { directory: join(directory, 'records') } };
  const config = parseConfig({ raw, flags: {}, env: {}, dev: true });
  const house = await assemble(config, createLog('silent'));
  try {
    const pep = { id: 'dev', tenant: 'dev', roles: new Set(ROLES) };
    const inForce = async () => (await house.verbs.policies.list(pep, { size: 1, token: '' })).activations[0];
    const first = await inForce();
    expect(readSign(house.revision.memory)).toBe(first?.revision);
    const content = { kind: 'bundle', bytes: fixture('odd') } as const;
    await house.verbs.policies.push(pep, content, { validateOnly: false, allowUntested: true });
    expect(readSign(house.revision.memory)).toBe((await inForce())?.revision);
    expect((await inForce())?.number).toBe(2);
  } finally {
    await house.close();
  }
});

describe('a sign', () => {
  test('shows what was read last, also something shorter, and nothing at first', () => {
    const sign = createSign();
    expect(readSign(sign.memory)).toBe('');
    for (const text of ['sha256:abc', 'r1', 'r\u00e9vision', '', 'r2']) {
      sign.show(text);
      expect(readSign(sign.memory)).toBe(text);
    }
  });

  test('cuts what is too long for it', () => {
    const sign = createSign();
    sign.show('r'.repeat(600));
    expect(readSign(sign.memory)).toBe('r'.repeat(512));
  });
});
