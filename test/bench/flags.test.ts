import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const run = (script: string, ...args: string[]) => {
  const path = fileURLToPath(new URL(`../../bench/${script}.ts`, import.meta.url));
  return spawnSync(process.execPath, [path, ...args], { encoding: 'utf8', timeout: 30_000 });
};

test.each([
  ['run', /^npm run bench -- .*--json.*--smoke/s],
  ['soak', /^npm run soak -- .*--seconds.*--sides.*--store/s],
])('%s --help says what may be given, and runs nothing', (script, usage) => {
  const { status, stdout, stderr } = run(script, '--help');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(usage);
  expect(stdout).not.toMatch(/^\s+at /m);
});

test.each<[string, string[], string]>([
  ['run', ['--fast'], '`--fast` is not known'],
  ['run', ['fast'], '`fast` is not known'],
  ['run', ['--json=yes'], '`--json` takes no value'],
  ['soak', ['--fast'], '`--fast` is not known'],
  ['soak', ['--seconds'], '`--seconds` takes a value'],
  ['soak', ['--seconds', 'soon'], '`--seconds` takes a number above zero'],
  ['soak', ['--sides', '0.5'], '`--sides` takes a whole number above zero'],
])('%s %j is refused on one line', (script, args, problem) => {
  const { status, stdout, stderr } = run(script, ...args);
  expect({ status, stdout, stderr }).toEqual({
    status: 2,
    stdout: '',
    stderr: `${problem}: --help says what may be given\n`,
  });
});
