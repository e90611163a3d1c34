import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { UsageError } from '../../src/cli/exit.ts';
import { sourcesOf } from '../../src/cli/sources.ts';

test('a folder with a file that is not utf-8 is not sent, and the file is named', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'assent-cli-sources-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'a.rego');
  writeFileSync(file, Buffer.from('package rules.a\n\n# Müller\n', 'latin1'));
  const failure = await sourcesOf(folder).catch((cause: unknown) => cause);
  expect(failure).toBeInstanceOf(UsageError);
  expect(String(failure)).toContain(`\`${file}\``);
  expect(String(failure)).toContain('utf-8');
});
