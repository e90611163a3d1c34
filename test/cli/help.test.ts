import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { createProgram } from '../../src/cli/main.ts';

/** Every command with its full name. */
function all(command: Command, name = 'assent'): readonly (readonly [string, Command])[] {
  const inner = command.commands.flatMap((child) => all(child, `${name} ${child.name()}`));
  return [[name, command], ...inner];
}

function help(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
  return text;
}

const commands = all(createProgram());

describe('help', () => {
  test('knows every command', () => {
    const names = commands.map(([name]) => name.replace('assent', '').trim()).filter((name) => name !== '');
    expect(names).toEqual([
      'serve',
      'demo',
      'open',
      'ask',
      'report',
      'close',
      'sessions',
      'sessions list',
      'sessions show',
      'sessions suspend',
      'sessions resume',
      'sessions amend',
      'token',
      'token hop',
      'policy',
      'policy build',
      'policy test',
      'policy push',
      'policy list',
      'policy rollback',
      'policy data',
      'policy data get',
      'policy data patch',
      'policy data remove',
      'catalog',
      'catalog draft',
    ]);
  });

  test.each(commands.slice(1))(
    'of `%s` shows what it takes, and an example that begins with its name',
    (name, command) => {
      const text = help(command);
      expect(text).toContain('Usage: ');
      expect(text.split('Example:')[1]).toContain(
        `  npx ${command.commands.length > 0 && !text.includes('--json') ? name.split(' ').slice(0, 2).join(' ') : name}`,
      );
      for (const { description } of command.options) expect(description).not.toBe('');
    },
  );

  test.each(commands.filter(([, command]) => command.commands.length === 0))(
    '`%s` can print JSON',
    (_, command) => {
      expect(command.options.map(({ long }) => long)).toContain('--json');
    },
  );

  test('says what the exit codes mean', () => {
    const [, root] = commands[0] ?? [];
    expect(root && help(root)).toMatch(
      /2 {2}not allowed: deny[\s\S]*5 {2}the decision point could not be reached/,
    );
  });
});
