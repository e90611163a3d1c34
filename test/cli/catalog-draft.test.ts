import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseCatalog } from '../../src/catalog/parse.ts';
import { parseJson } from '../../src/model/json.ts';
import { assent, type Ran } from './run.ts';

const BIN = fileURLToPath(new URL('../../bin/assent.js', import.meta.url));
const EXAMPLE = fileURLToPath(new URL('../../examples/tools/library.json', import.meta.url));
let cwd: string;

beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'assent-draft-'));
});
afterAll(() => rmSync(cwd, { recursive: true }));

const draft = (...args: string[]): Promise<Ran> => assent(['catalog', 'draft', ...args], { cwd });
const write = (name: string, value: unknown): string => {
  writeFileSync(join(cwd, name), typeof value === 'string' ? value : JSON.stringify(value));
  return name;
};
const read = (name: string): string => readFileSync(join(cwd, name), 'utf8');

test('a draft is a catalog on stdout, and what to look at on stderr', async () => {
  const { code, stdout, stderr } = await draft(EXAMPLE);
  expect(code).toBe(0);
  expect(parseCatalog(parseJson(stdout, { maxDepth: 16 })).get('pay_fee')?.class).toBe('external');
  expect(stderr).toMatch(/^loan_sweep +class +code +no word says what it does$/m);
  expect(stderr).toMatch(/5 drafted, \d+ guesses in them, \d+ doubtful/);
  expect(stderr).not.toContain('find_books  class');
});

test('stdin is a file as well', () => {
  const input = JSON.stringify({ title: 'send_parcel', properties: { to: { type: 'string' } } });
  const { status, stdout } = spawnSync(process.execPath, [BIN, 'catalog', 'draft', '-'], {
    cwd,
    input,
    encoding: 'utf8',
  });
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ actions: { send_parcel: { class: 'external' } } });
});

test('with --json every guess is told, with its reason', async () => {
  const tools = write('paged.json', { tools: [{ name: 'get x' }, { name: 'frobnicate' }], nextCursor: 'p' });
  const { code, stdout, stderr } = await draft(tools, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toMatchObject({
    catalog: { version: 1, actions: { frobnicate: { class: 'code' } } },
    guesses: [
      {
        action: 'frobnicate',
        path: 'class',
        value: 'code',
        confidence: 'doubtful',
        why: 'no word says what it does',
      },
      { action: 'frobnicate', path: 'output', value: 'free_text', confidence: 'doubtful' },
    ],
    kept: [],
    left_out: [{ action: 'get x', why: 'is not an action name' }],
    unfinished: true,
  });
});

test('what a catalog says already stays, and a file is written over only where it is that catalog', async () => {
  const before = '{ "version": 1, "actions": { "pay_fee": { "class":   "write" } } }';
  write('catalog.json', before);
  const refused = await draft(EXAMPLE, '--out', 'catalog.json');
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('name it with --catalog');
  expect(read('catalog.json')).toBe(before);

  const added = await draft(EXAMPLE, '--catalog', 'catalog.json', '--out', 'catalog.json');
  expect(added.code).toBe(0);
  expect(added.stdout).toContain('pay_fee: is in the catalog, and stays as it is');
  expect(added.stdout).toContain('catalog.json: 4 drafted');
  const text = read('catalog.json');
  expect(text.startsWith('{ "version": 1, "actions": { "pay_fee": { "class":   "write" },')).toBe(true);
  expect([...parseCatalog(parseJson(text, { maxDepth: 16 })).keys()]).toHaveLength(5);

  await draft(EXAMPLE, '--catalog', 'catalog.json', '--out', 'catalog.json');
  expect(read('catalog.json')).toBe(text);
  expect(readdirSync(cwd).filter((name) => name.includes('.new'))).toEqual([]);
});

test.each<[string, unknown, readonly string[], string]>([
  ['no JSON', '{"tools":', [], '`bad.json` at `tools` is not json'],
  ['a member twice', '{"tools":[],"tools":[]}', [], 'is a duplicate member'],
  ['no tool list', [{ name: 'a', inputSchema: [] }], [], '`bad.json`: [0].inputSchema is not a json schema'],
  ['what nests without end', '['.repeat(100), [], 'nests deeper than 64'],
  ['more than anybody reads', ' '.repeat(8 * 1024 * 1024 + 1), [], 'has more than 8388608 bytes'],
  [
    'a catalog that is none',
    [{ name: 'a' }],
    ['--catalog', 'bad.json'],
    '`bad.json`: catalog is not an object',
  ],
  ['a file that is not there', [{ name: 'a' }], ['--catalog', 'none.json'], '`none.json` cannot be read'],
  [
    'a folder to write to',
    [{ name: 'a' }],
    ['--out', 'none/c.json'],
    '--out `none/c.json` cannot be written',
  ],
])('%s ends with 1, and says where', async (_, content, more, why) => {
  const ran = await draft(write('bad.json', content), ...more);
  expect(ran).toMatchObject({ code: 1, stdout: '' });
  expect(ran.stderr).toContain(why);
  expect(ran.stderr).not.toMatch(/^\s+at /m);
});

test('a terminal acts on nothing that a tool is called', async () => {
  const { stderr } = await draft(write('evil.json', [{ name: 'a\u001b[31m' }]));
  expect(stderr).toContain('a\\u{1b}[31m: left out');
});
