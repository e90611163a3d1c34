import { expect, onTestFinished, test } from 'vitest';
import { createPolicyRoom } from '../../src/policy/activate.ts';
import { createCompiler } from '../../src/policy/compile.ts';
import { createMemoryPolicyStore } from '../../src/policy/memory.ts';
import { fixture } from './archive.ts';
import { AT } from './facts.ts';

test('a bundle that was activated untested says so in the log', { timeout: 60_000 }, async () => {
  const lines: [Readonly<Record<string, unknown>>, string][] = [];
  const log = {
    info: (facts: Readonly<Record<string, unknown>>, message: string) => void lines.push([facts, message]),
    error: () => undefined,
  };
  const room = await createPolicyRoom({
    ...{ store: createMemoryPolicyStore(), compiler: createCompiler(), defaultBundle: fixture('odd'), log },
    ...{ at: AT, watchIntervalMs: 100, memoryMib: 64 },
  });
  onTestFinished(() => room.close());
  const tests =
    'package rules.a_test\n\ntest_a if count(data.rules.a.deny) == 1 with input as {"action": {"name": "x"}}\n';
  const files = {
    'manifest.json': '{"name": "a", "codes": ["policy.x"], "data": []}',
    'a.rego': 'package rules.a\n\ndeny contains {"code": "policy.x"}\n',
  };
  const push = (of: Record<string, string>, allowUntested: boolean) =>
    room.push({
      pep: { id: 'pep-1', tenant: 'tenant-1', roles: new Set<never>() },
      content: { kind: 'sources', files: new Map(Object.entries(of)) },
      ...{ validateOnly: false, allowUntested, at: AT },
    });
  await expect(push(files, false)).rejects.toMatchObject({ errors: [{ code: 'assent_no_tests' }] });
  await push(files, true);
  await push({ ...files, 'a_test.rego': tests }, false);
  const activated = lines.filter(([, message]) => message === 'policy activated');
  expect(activated.map(([facts]) => facts)).toMatchObject([
    { by: 'pep-1', kind: 'push', testsPassed: 0, untested: true },
    { by: 'pep-1', kind: 'push', testsPassed: 1, untested: false },
  ]);
});
