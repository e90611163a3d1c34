import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';

const src = resolve(import.meta.dirname, '../../src');
/** The one file that reads the environment; what it finds is handed on. */
const READER = join('cli', 'settings.ts');

/** Whether a use of `process` takes one named thing from it, and not its environment. */
function isHarmless(use: ts.Identifier): boolean {
  const { parent } = use;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === use && parent.name.text !== 'env';
  if (!ts.isVariableDeclaration(parent) || !ts.isObjectBindingPattern(parent.name)) return false;
  return parent.name.elements.every(
    ({ dotDotDotToken, propertyName, name }) =>
      dotDotDotToken === undefined &&
      ts.isIdentifier(propertyName ?? name) &&
      (propertyName ?? name).getText() !== 'env',
  );
}

/** Whether a program reads the environment, or holds `process` in a way that could. */
function readsEnvironment(text: string): boolean {
  const file = ts.createSourceFile('a.ts', text, ts.ScriptTarget.Latest, true);
  const visit = (node: ts.Node): boolean => {
    if (ts.isStringLiteralLike(node) && /^(node:)?process$/.test(node.text)) return true;
    if (ts.isIdentifier(node) && node.text === 'process' && !isHarmless(node)) return true;
    return ts.forEachChild(node, visit) ?? false;
  };
  return visit(file);
}

test('one file reads the environment', () => {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.ts'),
  );
  const readers = files.filter((path) => {
    const text = readFileSync(join(src, path), 'utf8');
    return text.includes('process') && readsEnvironment(text);
  });
  expect(readers).toEqual([READER]);
});

test.each([
  "process.env['X']",
  'process?.env',
  "process['env']",
  'globalThis.process.env',
  'const { env } = process',
  'const { env: e } = process',
  'const { ...all } = process',
  'const p = process; p.env',
  "import { env } from 'node:process'",
  "import * as p from 'process'",
  "await import('node:process')",
])('a planted `%s` is seen', (text) => {
  expect(readsEnvironment(text)).toBe(true);
});

test.each([
  'process.argv',
  'const { stderr } = process',
  'process.stdout.write("process.env")',
  '// process.env',
])('`%s` is none', (text) => {
  expect(readsEnvironment(text)).toBe(false);
});
