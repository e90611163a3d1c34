import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const RUN = fileURLToPath(new URL('../../bench/judge/run.ts', import.meta.url));
const SAMPLE = fileURLToPath(new URL('sample', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'assent-judge-run-'));
afterAll(() => rmSync(directory, { recursive: true }));

function run(...args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', RUN, ...args]);
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (err += chunk));
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

test('--json prints counts by protocol, and how they came about', async () => {
  const report = join(directory, 'report.html');
  const { code, out, err } = await run(
    '--traces',
    SAMPLE,
    '--protocol',
    'cold',
    '--sample',
    '2',
    '--json',
    '--report',
    report,
  );
  expect(code).toBe(0);
  const printed = JSON.parse(out);
  expect(Object.keys(printed)).toEqual(['cold', 'run']);
  expect(printed.cold).toMatchObject({ attacks: 5, stopped: 4, benign: 9, interrupted: 1, benign_denied: 1 });
  expect(printed.cold.suites.estate).toMatchObject({ attacks: 5, denied: 0, escalated: 4 });
  expect(printed.run).toMatchObject({ seed: 1, over_the_wire: { cold: 2 }, failures: 0 });
  expect(err).toContain('cold 1/1 judges 0/14');
  expect(readFileSync(report, 'utf8')).toContain('id="cold-estate-14"');
});

test('without it, tables', async () => {
  const { code, out } = await run('--traces', SAMPLE, '--protocol', 'cold', '--sample', '0');
  expect(code).toBe(0);
  expect(out).toMatch(/^estate +5 +80\.0 \(37\.6–96\.4\) +0 +4 +9 +11\.1 \(2\.0–43\.5\) +1$/m);
});

test('--help says how it is used', async () => {
  const { code, out } = await run('--help');
  expect(code).toBe(0);
  expect(out).toContain('exit codes');
});

test.each([
  ['no folder', [], '`--traces` is missing'],
  ['a folder that is not there', ['--traces', '/nowhere/at/all'], 'is not a folder'],
  ['a protocol that is none', ['--traces', SAMPLE, '--protocol', 'warm'], '`warm` is no protocol'],
  ['a seed that is no number', ['--traces', SAMPLE, '--seed', 'x'], 'takes a whole number'],
  [
    'a report that cannot be written',
    ['--traces', SAMPLE, '--report', '/nowhere/at/all.html'],
    'cannot be written',
  ],
  ['an option that nobody knows', ['--trace', SAMPLE], '`--trace` is not known'],
])('%s is told, and the exit code is 2', async (_, args, words) => {
  const { code, out, err } = await run(...args);
  expect(code).toBe(2);
  expect(out).toBe('');
  expect(err).toContain(words);
});

test('traces that cannot be read are told by file, line and field, and the exit code is 2', async () => {
  const folder = mkdtempSync(join(directory, 'bad-'));
  writeFileSync(join(folder, 'tools.json'), '{"estate":{}}');
  writeFileSync(join(folder, 'estate.jsonl'), '{"suite":"estate","attack":null,"utility":true}\n');
  const { code, err } = await run('--traces', folder);
  expect(code).toBe(2);
  expect(err).toBe('estate.jsonl:1: `steps` is not a list\n');
});
