import { execFile, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { install, manifest, pack, root } from './install.ts';

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'assent-package-')));
/** Somebody's project, which has nothing but the package. */
const project = join(scratch, 'project');
const bin = join(project, 'node_modules/.bin/assent');
const env = { PATH: process.env['PATH'] ?? '' };

beforeAll(async () => {
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  await install(await pack(scratch), project);
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function run(file: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)(file, args, { cwd: project, env, timeout: 30_000 });
}

const USE = `
import { type Client, createClient, type Permission } from 'assent/client';

const client: Client = createClient({ address: '127.0.0.1:7443', key: 'k' });
export const asked: Promise<Permission> = client.authorize({ action: 'a.b', token: 't' });
// @ts-expect-error an ask names its action
void client.authorize({ token: 't' });
// @ts-expect-error budgets are decimal strings
void client.openSession({ taskType: 'a', actions: [], expiresAt: 1, limits: { payments: 5 } });
`;
const TSCONFIG = {
  compilerOptions: {
    noEmit: true,
    strict: true,
    target: 'es2022',
    module: 'nodenext',
    types: [],
    skipLibCheck: true,
  },
  files: ['use.ts'],
};

describe('the package, installed in a project of its own,', () => {
  test('brings the client', async () => {
    const script = `const { createClient } = await import('assent/client');
      const client = createClient({ address: '127.0.0.1:1', key: 'k', timeoutMs: 200 });
      const { permitted, reasons } = await client.authorize({ action: 'a.b', token: 't' });
      client.close();
      console.log(JSON.stringify([permitted, reasons[0].code]));`;
    const { stdout } = await run(process.execPath, '--input-type=module', '-e', script);
    expect(JSON.parse(stdout)).toEqual([false, 'client.unavailable']);
  });

  test('brings the types of the client', async () => {
    writeFileSync(join(project, 'use.ts'), USE);
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(TSCONFIG));
    await expect(run(join(root, 'node_modules/.bin/tsc'), '-p', project)).resolves.toMatchObject({
      stdout: '',
    });
  });

  test('brings what its documents link to', () => {
    const cwd = join(project, 'node_modules/assent');
    const pages = globSync('**/*.md', { cwd });
    const links = pages.flatMap((page) =>
      [...readFileSync(join(cwd, page), 'utf8').matchAll(/\]\((?![a-z]+:|#)([^)#]+)/g)].map(
        ([, target = '']) => ({ page, target, there: existsSync(join(cwd, dirname(page), target)) }),
      ),
    );
    expect(pages).toContain('README.md');
    expect(links.map(({ target }) => target)).toContain('examples/guard.mjs');
    expect(links.filter(({ there }) => !there)).toEqual([]);
  });

  test('brings the commands', async () => {
    const { stdout, stderr } = await run(process.execPath, bin, '--version');
    expect([stdout.trim(), stderr]).toEqual([manifest().version, '']);
  });

  test('brings a server that decides, with its policy, its scenarios and its workers', async () => {
    const server = spawn(process.execPath, [bin, 'serve', '--dev', '--listen', '127.0.0.1:0'], {
      cwd: project,
      env,
    });
    try {
      let said = '';
      await new Promise<void>((resolve, reject) => {
        const stuck = setTimeout(() => reject(new Error(`not serving after 30 s: ${said}`)), 30_000);
        const hear = (chunk: Buffer): void => {
          said += chunk.toString();
          if (!said.includes('npx assent demo')) return;
          clearTimeout(stuck);
          resolve();
        };
        server.stdout.on('data', hear);
        server.stderr.on('data', hear);
        server.once('exit', () => reject(new Error(`ended: ${said}`)));
      });
      const { stdout } = await run(process.execPath, bin, 'demo');
      expect(stdout).toMatch(/^6 of 6 came out as named/m);
    } finally {
      server.kill('SIGKILL');
    }
  });

  test('brings the tools of a policy author', async () => {
    const policy = join(project, 'node_modules/assent/policies/finance');
    const { stdout } = await run(process.execPath, bin, 'policy', 'build', policy, '--out', 'finance.bundle');
    expect(stdout).toContain('finance.bundle');
    expect(existsSync(join(project, 'finance.bundle'))).toBe(true);
  });

  const old = '/usr/bin/node';
  const major = existsSync(old)
    ? Number(spawnSync(old, ['-p', 'process.versions.node.split(".")[0]']).stdout)
    : 99;
  const brought = Object.keys(manifest().optionalDependencies).some((name) =>
    existsSync(join(root, 'node_modules', name)),
  );
  test.runIf(major < 24 && brought)('runs on the Node that was installed with it', async () => {
    const { stdout, stderr } = await run(old, bin, '--version');
    expect([stdout.trim(), stderr]).toEqual([manifest().version, '']);
  });
});
