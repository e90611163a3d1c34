import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

const run = resolve(import.meta.dirname, '../../.ci/run');

/** A PATH with these programs and no other. */
function pathOf(programs: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'assent-path-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  for (const program of programs) {
    const found = folders.map((each) => join(each, program)).find((path) => existsSync(path));
    if (found === undefined) throw new Error(`there is no \`${program}\` on the PATH`);
    symlinkSync(found, join(folder, program));
  }
  return folder;
}

test('CI without Go fails and says so: it would pass with a Rego toolchain that nobody compared', () => {
  const PATH = pathOf(['bash', 'dirname']);
  const { status, stdout, stderr } = spawnSync('bash', [run], {
    env: { PATH, GOROOT: '/nowhere' },
    encoding: 'utf8',
    timeout: 10_000,
  });
  expect({ status, stdout, stderr }).toEqual({
    status: 1,
    stdout: '',
    stderr: 'ci: there is no `go` on the PATH: the Rego toolchain cannot be held against its sources\n',
  });
});
