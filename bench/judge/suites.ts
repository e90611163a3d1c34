/** A folder to be judged: `*.jsonl.gz` and `tools.json`; suites of which we describe the tools ourselves count apart. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Unreadable } from './members.ts';
import { readTools, type Tools } from './tools.ts';
import { type Recorded, readTraces, SUITE_FILE } from './traces.ts';

export interface Suite extends Recorded {
  readonly name: string;
  readonly tools: Tools;
  /** The folder does not describe its tools; we do. It stays out of the sum of all. */
  readonly beside: boolean;
}

const OWN = new URL('.', import.meta.url);

/** @throws Unreadable for a folder, a file, a line or a field that is not as docs/judging.md says */
export function readSuites(directory: string): readonly Suite[] {
  const known = toolsOf(join(directory, 'tools.json'));
  const files = filesOf(directory);
  if (files.length === 0) throw new Unreadable({ file: directory }, '', 'holds no `*.jsonl.gz`');
  return files.map(([file, name]) => {
    const own = fileURLToPath(new URL(`${name}.tools.json`, OWN));
    const beside = !known.has(name);
    const tools = known.get(name) ?? (existsSync(own) ? readTools(own).get(name) : undefined);
    if (tools === undefined)
      throw new Unreadable({ file: 'tools.json' }, name, `is missing: \`${file}\` needs it`);
    return { name, tools, beside, ...readTraces(join(directory, file), name) };
  });
}

function toolsOf(path: string): ReadonlyMap<string, Tools> {
  if (!existsSync(path)) throw new Unreadable({ file: path }, '', 'is not there');
  return readTools(path);
}

function filesOf(directory: string): readonly (readonly [file: string, suite: string])[] {
  const found = new Map<string, string>();
  for (const file of readdirSync(directory).sort()) {
    const name = SUITE_FILE.exec(file)?.[1];
    if (name === undefined) continue;
    if (found.has(name)) throw new Unreadable({ file }, '', `is there twice, packed and not`);
    found.set(name, file);
  }
  return [...found].map(([name, file]) => [file, name]);
}
