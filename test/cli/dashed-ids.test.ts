/** An id that begins with `-` is no option, and nothing ends well that was not done. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { prepareDev } from '../../src/dev.ts';
import {
  GetSessionRequestSchema,
  GetSessionResponseSchema,
  SessionState,
} from '../../src/gen/assent/v1/session_pb.js';
import { bytesOf, type FaultyWire, faultyWire } from '../client/wire.ts';
import { assent } from './run.ts';

let cwd: string;
let wire: FaultyWire;
let arrived: Uint8Array[];

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'assent-cli-'));
  prepareDev(join(cwd, '.assent', 'dev'));
  wire = await faultyWire();
  writeFileSync(join(cwd, '.assent', 'dev', 'address'), `${wire.address}\n`);
});
beforeEach(() => {
  arrived = [];
  // A session is field 1 of what each of these verbs answers with.
  const session = { id: 's-1', state: SessionState.OPEN, mandate: { taskType: 't', actions: ['a.b'] } };
  wire.unary = (bytes) => {
    arrived.push(bytes);
    return bytesOf(GetSessionResponseSchema, { session });
  };
});
afterAll(() => {
  wire.stop();
  rmSync(cwd, { recursive: true });
});

/** Field 1 of the verbs that take a session, and of a report and a rollback, is the operand. */
const operandOf = (bytes: Uint8Array | undefined): string =>
  bytes === undefined
    ? 'nothing came'
    : fromBinary(GetSessionRequestSchema, bytes.subarray(0, 2 + (bytes[1] ?? 0))).sessionId;

const CLASH = '-VQ6gLE02kC-AAFOpr3fxw';
const HELPFUL = '-hQ6gLE02kC-AAFOpr3fxw';
const PLAIN = '-FQ6gLE02kC-AAFOpr3fxw';
const DOUBLE = '--Q6gLE02kC-AAFOpr3fxw';

test.each<[id: string, verb: string, behind: readonly string[]]>([
  [CLASH, 'close', []],
  [HELPFUL, 'close', []],
  [PLAIN, 'close', ['--json']],
  [DOUBLE, 'close --json', []],
  [CLASH, 'sessions show', ['--json']],
  [CLASH, 'sessions suspend', ['--cause', 'odd']],
  [CLASH, 'sessions resume', []],
  [CLASH, 'sessions amend --task t', ['--action', 'a.b']],
  [CLASH, 'report', ['--session', 's-1']],
  [CLASH, 'policy rollback', []],
])('%s is an operand of %s', async (id, verb, behind) => {
  await assent([...verb.split(' '), id, ...behind], { cwd });
  expect(arrived.map(operandOf)).toEqual([id]);
});

test('an id that begins with `-` is the value of an option, once or repeated', async () => {
  const args = ['--task', 't', '--purpose', PLAIN, '--action', CLASH, '--action', PLAIN, '--key', DOUBLE];
  await assent(['open', ...args], { cwd });
  const text = Buffer.from(arrived[0] ?? []).toString('latin1');
  expect([CLASH, PLAIN, DOUBLE].filter((id) => !text.includes(id))).toEqual([]);
  expect(text).not.toContain('\0');
});

describe('ends with 1, and tells no more than was typed:', () => {
  test.each<[string, readonly string[], string]>([
    ['the version among the words of a verb', ['close', '-Vx'], "unknown option '-Vx'"],
    ['the version behind a verb', ['close', '-V'], "unknown option '-V'"],
    ['an id where none is taken', ['sessions', 'list', PLAIN], `but got 1: ${PLAIN}.`],
    ['an id for a verb', [CLASH], `unknown command '${CLASH}'`],
  ])('%s', async (_, args, words) => {
    const ran = await assent(args, { cwd });
    expect(ran).toMatchObject({ code: 1, stdout: '' });
    expect(ran.stderr).toContain(words);
    const json = await assent([...args, '--json'], { cwd });
    expect(json).toMatchObject({ code: 1, stdout: '' });
    expect(json.stderr).not.toMatch(/\0|\\u0000/);
    expect(arrived).toEqual([]);
  });
});
