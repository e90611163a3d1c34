import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type FileLog, type FileLogOptions, openFileLog } from '../../src/audit/file.ts';
import type { BuildRecord, BuiltRecord } from '../../src/audit/log.ts';
import type { RecordPlace } from '../../src/audit/record.ts';
import { parseCatalog } from '../../src/catalog/parse.ts';
import { createActionReader } from '../../src/catalog/read-action.ts';
import type { Caller } from '../../src/model/caller.ts';
import type { Answer } from '../../src/model/decision.ts';
import type { Trail } from '../../src/model/facts.ts';
import { canonicalJson, type JsonObject, type JsonValue } from '../../src/model/json.ts';
import { reasonOf } from '../../src/model/reason.ts';
import type { Session } from '../../src/model/session.ts';
import { ask, CATALOG, PAYMENT } from '../catalog/fixture.ts';

const readAction = createActionReader(parseCatalog(CATALOG));

/** In memory where the system has such a place: for tests that open hundreds of logs. */
export const FAST: string = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** A directory that goes away with the test. */
export function scratch(parent: string = tmpdir()): string {
  const dir = mkdtempSync(join(parent, 'assent-audit-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const PATIENCE_MS = 10_000;

/** The log, whose every append is answered one way or the other: one that never is fails its test by saying so. */
export function openLog(options: FileLogOptions): FileLog {
  const log = openFileLog(options);
  return {
    ...log,
    append(build) {
      let timer: NodeJS.Timeout | undefined;
      const silence = new Promise<never>((_, reject) => {
        const error = new Error('an append was neither acknowledged nor refused');
        timer = setTimeout(() => reject(error), PATIENCE_MS);
      });
      return Promise.race([log.append(build), silence]).finally(() => clearTimeout(timer));
    },
  };
}

/** A record of nothing but its place and some text. */
export function plain(note = 'x'): BuildRecord {
  return (index, previous): BuiltRecord => ({ text: canonicalJson({ index, note, previous }), openings: [] });
}

export const PLACE: RecordPlace = {
  index: 7,
  previous: 'A'.repeat(43),
  active: { revision: 'rev-9', activation: 9, dataVersion: 2 },
  dev: false,
};

export const CALLER: Caller = {
  subject: { iss: 'https://idp.test', id: 'ann' },
  actor: { iss: 'https://idp.test', id: 'agent-7' },
  priorActors: [{ iss: 'https://idp.test', id: 'agent-1' }],
  client: 'agent-app',
  scopes: ['payments'],
  actions: ['payment.*'],
  auth: { method: 'dpop', bound: true, acr: undefined, authTime: undefined },
  binding: 'thumbprint-of-the-key',
  expiresAt: 1_760_000_600_000,
  jti: 'jti-never-shown',
};

const TASK = {
  declared: { invoice: 'INV-7' },
  purpose: 'Pay invoice INV-7 of Blue Harbor Ltd',
  state: 'open',
  type: 'pay_invoice',
} as const;

/** What a record needs to know of the session that the fixture's input is about. */
export const SESSION: Session = {
  id: 's-1',
  head: { version: 4, digest: 'head' },
  task: TASK,
} as Partial<Session> as Session;

/** What policy judged a payment by: about 1.3 KB, as DESIGN has it. */
function inputOf(args: string): string {
  const head = canonicalJson({
    action: { class: 'external', name: 'payment.send', risk: 'high' },
    approval: null,
  });
  const tail = canonicalJson({
    authority: {
      actors: [],
      depth: 0,
      limits: { payments: '500' },
      permits: true,
      root: null,
      scopes: ['payments'],
    },
    caller: {
      actor: { id: 'agent-7', iss: 'https://idp.test', type: 'agent' },
      client: 'agent-app',
      scopes: ['payments'],
    },
    claimed: { args: { account: 'not the real one' }, note: 'a "quoted\\" text' },
    provenance: { account: 'trusted', amount: 'user', invoice: 'user', vendor: 'user' },
    resource: { id: 'INV-7', type: 'invoice' },
    session: {
      age: 12,
      counts: { 'invoice.read': 3, 'vendor.lookup': 2 },
      denials: 0,
      duplicate: false,
      id: '0f8e2c4b9a7d4e51b6c3d2a1f0e9b8c7',
      labels: [],
      recent: Array.from({ length: 6 }, (_, i) => ({
        action: i % 2 === 0 ? 'invoice.read' : 'vendor.lookup',
        effect: 'allow',
      })),
      remaining: { payments: '379.5' },
      state: 'open',
      steps: 6,
      sums: { payments: '120.5' },
    },
    task: TASK,
    time: { unix_ms: 1_760_000_000_000 },
  });
  return `${head.slice(0, -1)},"args":${args},${tail.slice(1)}`;
}

export function trailOf(action = 'payment.send', args: JsonObject = PAYMENT): Trail {
  const asked = ask(action, args);
  const read = readAction(asked);
  return {
    ask: { ...asked, operationId: 'call-1', traceparent: `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01` },
    at: 1_760_000_000_000,
    id: '01890a5d-ac96-774b-bcce-b302099a8058',
    caller: CALLER,
    action: read,
    authority: {
      permits: true,
      depth: 1,
      actors: [],
      limits: {},
      root: undefined,
      hops: ['hop-hash-1'],
      hopLimits: {},
      expiresAt: Number.POSITIVE_INFINITY,
    },
    provenance: { account: 'trusted', amount: 'user' },
    judged: {
      verdict: { effect: 'allow', reasons: [], obligations: [], consume: [] },
      revision: 'rev-1',
      activation: 3,
      dataVersion: 4,
      input: inputOf(read.policyArgs),
    },
  };
}

export const ALLOW: Answer = {
  id: '01890a5d-ac96-774b-bcce-b302099a8058',
  effect: 'allow',
  reasons: [],
  obligations: [{ name: 'notify', parameters: { group: 'controllers' } }],
  consume: [{ budget: 'payments', amount: '120.5' }],
  expiresAt: 1_760_000_030_000,
  executionKey: 'exec-1',
  committed: {
    session: '0f8e2c4b9a7d4e51b6c3d2a1f0e9b8c7',
    version: 7,
    digest: 'd'.repeat(43),
    payload: canonicalJson({
      action: 'payment.send',
      at: 1_760_000_000_000,
      effect: 'allow',
      kind: 'decision',
    }),
  },
};

export const DENY: Answer = {
  id: '01890a5d-ac96-774b-bcce-b302099a8058',
  effect: 'deny',
  reasons: [reasonOf('token.expired')],
  obligations: [],
  consume: [],
};

/** The parsed record, for looking at single members. */
export function parsed(text: string): Record<string, JsonValue> {
  return JSON.parse(text);
}
