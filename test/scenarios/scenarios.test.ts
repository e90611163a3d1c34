import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readText } from '../../src/cli/arguments.ts';
import { play } from '../../src/cli/play.ts';
import { readScenarios } from '../../src/cli/scenario.ts';
import { type Client, createClient } from '../../src/client/client.ts';
import { type Serving, serve } from '../../src/main.ts';

let directory: string;
let serving: Serving;
const clients = new Map<string, Client>();

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'assent-scenarios-'));
  serving = await serve({ dev: true, listen: '127.0.0.1:0', devDirectory: directory, env: {} });
  const address = serving.addresses[0] ?? '';
  const key = readText(join(directory, 'pep.key')).trim();
  for (const lane of ['unary', 'stream'] as const)
    clients.set(lane, createClient({ address, key, lane, timeoutMs: 5000 }));
}, 30_000);

afterAll(async () => {
  for (const client of clients.values()) client.close();
  await serving?.stop();
  rmSync(directory, { recursive: true });
});

describe.each(['unary', 'stream'])('over the %s lane', (lane) => {
  test.each(readScenarios())(
    '$name: $title',
    async (scenario) => {
      const client = clients.get(lane);
      if (client === undefined) throw new Error('no client');
      const played = await play(scenario, { client, directory });
      const problems = played.steps.flatMap((step) =>
        step.problems.map((problem) => `${step.label}: ${problem}`),
      );
      expect(problems).toEqual([]);
      expect(played.as_named).toBe(true);
    },
    30_000,
  );
});
