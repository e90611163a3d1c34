import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readSources } from '../../src/policy/compile-sources.ts';

function folderOf(files: Readonly<Record<string, Uint8Array>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'assent-sources-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  return folder;
}

const RULE = 'package rules.a\n\ndeny contains {"code": "policy.a"} if input.args.invoice == "Müller"\n';

test('a folder is read as it was written', () => {
  const folder = folderOf({ 'a.rego': Buffer.from(RULE), 'notes.txt': Buffer.from('Müller', 'latin1') });
  expect([...readSources(folder)]).toEqual([['a.rego', RULE]]);
});

test.each([
  ['a.rego', RULE],
  ['data.json', '{"a":{"Müller":true}}'],
  ['manifest.json', '{"name":"a","codes":{"policy.a":{"words":"gesperrt für Müller","remedy":"stop"}}}'],
])('in a folder, `%s` that is not utf-8 is refused by its name', (file, text) => {
  const folder = folderOf({ [file]: Buffer.from(text, 'latin1') });
  const refused = expect.objectContaining({ file, message: 'the file is not utf-8' });
  expect(() => readSources(folder)).toThrow(refused);
});
