/** A walk around a real session room: the other stations answer what the test says. */
import { randomBytes } from 'node:crypto';
import { decide, type Rooms } from '../../src/decide.ts';
import type { Ask, Pep, Role, SessionRef } from '../../src/model/ask.ts';
import type { Authority } from '../../src/model/authority.ts';
import type { Caller } from '../../src/model/caller.ts';
import type { Action } from '../../src/model/catalog.ts';
import type { Answer, Decision, Verdict } from '../../src/model/decision.ts';
import type { Facts } from '../../src/model/facts.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { canonicalJson } from '../../src/model/json.ts';
import type { Mandate } from '../../src/model/mandate.ts';
import { type OwnCode, reasonOf } from '../../src/model/reason.ts';
import type { Outcome, Seen, Session } from '../../src/model/session.ts';
import { createMemorySessionStore } from '../../src/session/memory.ts';
import { createSessionRoom, type SessionRoom, type SessionRoomOptions } from '../../src/session/session.ts';
import type { SessionStore } from '../../src/session/store.ts';

export const NOW = 1_780_000_000_000;
export const ANA = { iss: 'https://idp.example', id: 'ana' };
export const BOT = { iss: 'https://idp.example', id: 'bot' };
export const EVE = { iss: 'https://idp.example', id: 'eve' };
export const FLEET_KEY: Buffer = Buffer.alloc(32, 7);

export const MANDATE: Mandate = {
  taskType: 'invoice_run',
  purpose: 'pay invoice INV-17',
  actions: ['invoice.*', 'payment.send'],
  declared: { invoice: 'INV-17' },
  limits: { money: '1000' },
  expiresAt: NOW + 3_600_000,
};

export function pep(id = 'pep-1', tenant = 'acme', roles: readonly Role[] = ['asker', 'opener']): Pep {
  return { id, tenant, roles: new Set(roles) };
}

export interface Clock {
  at: number;
}

/** UUIDv7 of a time. */
export function requestId(at: number): string {
  const hex = at.toString(16).padStart(12, '0') + randomBytes(10).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

export interface Wish {
  readonly session?: SessionRef | string;
  readonly pep?: Pep;
  readonly request?: string;
  readonly action?: string;
  readonly class?: Action['class'];
  readonly args?: JsonObject;
  /** Id of the invoice that it is about. */
  readonly resource?: string;
  readonly identity?: string | undefined;
  readonly operation?: string;
  readonly stateless?: boolean;
  readonly dryRun?: boolean;
  readonly deadline?: number;
  readonly caller?: Partial<Caller>;
  readonly authority?: Partial<Authority>;
  /** A real chain, and who verifies it; takes the place of `authority`. */
  readonly chain?: readonly string[];
  readonly verifyDelegation?: Rooms['verifyDelegation'];
  /** What the policy says of the session it sees. */
  readonly policy?: (session: Session, facts: Facts) => Verdict;
}

export function allow(...consume: Verdict['consume']): Verdict {
  return { effect: 'allow', reasons: [], obligations: [], consume };
}

export function refuse(code: OwnCode, effect: Exclude<Verdict['effect'], 'allow'> = 'deny'): Verdict {
  return { effect, reasons: [reasonOf(code)], obligations: [], consume: [] };
}

export interface World {
  readonly room: SessionRoom;
  readonly clock: Clock;
  readonly faults: unknown[];
  /** What its policy judges by. */
  readonly inForce: { activation: number; dataVersion: number };
  ask(wish: Wish): Promise<Decision>;
  open(mandate?: Partial<Mandate>): Promise<string>;
  report(
    session: string,
    decision: string,
    outcome: Outcome,
    more?: { seen?: Seen[]; lost?: boolean; proof?: string; pep?: Pep },
  ): Promise<number>;
}

export function createWorld(
  store: SessionStore = createMemorySessionStore(),
  options: Partial<SessionRoomOptions> = {},
): World {
  const clock = { at: NOW };
  const faults: unknown[] = [];
  const inForce = { activation: 1, dataVersion: 1 };
  const room = createSessionRoom({
    store,
    fleetKey: FLEET_KEY,
    keyId: 'k1',
    now: () => clock.at,
    readMandate: () => [{ hash: 'aaaaaaaaaaaaaaaa', origin: 'user' }],
    readArguments: () => ({ hashes: [], complete: true, open: '' }),
    isStateless: () => false,
    policy: {
      isOlderThan: ({ activation, dataVersion }) =>
        activation > inForce.activation || dataVersion > inForce.dataVersion,
      catchUp: async () => undefined,
    },
    reportFault: (cause) => faults.push(cause),
    ...options,
  });
  return {
    room,
    clock,
    faults,
    inForce,
    ask: (wish) => decide(askOf(wish, clock), roomsOf(wish, { room, clock, faults, inForce })),
    open: async (mandate = {}) => (await room.verbs.open(pep(), { ...MANDATE, ...mandate }, undefined)).id,
    report: (sessionId, decisionId, outcome, more = {}) =>
      room.report({
        pep: more.pep ?? pep(),
        sessionId,
        decisionId,
        outcome,
        harvest: () => ({ seen: more.seen ?? [], lost: more.lost ?? false }),
        failureProof: more.proof ?? '',
        at: clock.at,
      }),
  };
}

function askOf(wish: Wish, clock: Clock): Ask {
  const args = wish.args ?? { amount: '10' };
  const action = wish.action ?? 'payment.send';
  const session = typeof wish.session === 'string' ? { kind: 'id' as const, id: wish.session } : wish.session;
  const content = canonicalJson([action, args, wish.operation ?? null]);
  return {
    pep: wish.pep ?? pep(),
    requestId: wish.request ?? requestId(clock.at),
    action,
    resource: { type: 'invoice', id: wish.resource ?? 'INV-17', properties: {} },
    args,
    credential: { scheme: 'bearer', token: 'none' },
    session: session ?? { kind: 'none' },
    chain: wish.chain ?? [],
    ...(wish.operation === undefined ? {} : { operationId: wish.operation }),
    claimed: {},
    deadline: wish.deadline ?? clock.at + 60_000,
    dryRun: wish.dryRun ?? false,
    digest: content,
    proofScope: [],
  };
}

function roomsOf(wish: Wish, world: Pick<World, 'room' | 'clock' | 'faults' | 'inForce'>): Rooms {
  const { room, clock } = world;
  const caller: Caller = {
    subject: ANA,
    actor: BOT,
    priorActors: [],
    client: 'client',
    scopes: [],
    actions: ['*'],
    auth: { method: 'bearer', bound: false, acr: undefined, authTime: undefined },
    binding: undefined,
    expiresAt: NOW + 86_400_000,
    jti: undefined,
    ...wish.caller,
  };
  const authority: Authority = {
    permits: true,
    depth: 0,
    actors: [],
    limits: {},
    root: undefined,
    hops: [],
    hopLimits: {},
    expiresAt: Number.POSITIVE_INFINITY,
    ...wish.authority,
  };
  return {
    now: () => clock.at,
    mintId: (at) => requestId(at),
    verifyToken: () => caller,
    findSession: room.findSession,
    readAction: (ask) => actionOf(ask, wish),
    verifyDelegation: wish.verifyDelegation ?? (() => authority),
    enterSession: room.enterSession,
    traceArguments: () => ({}),
    evaluatePolicy: (facts) => {
      const session = facts.session;
      const verdict = session === null || wish.policy === undefined ? allow() : wish.policy(session, facts);
      return { verdict, revision: 'r1', ...world.inForce, input: '{}' };
    },
    holdFloors: (_facts, verdict) => verdict,
    commit: room.commit,
    seal: async (trail, answer: Answer) => ({
      ...answer,
      requestId: trail.ask.requestId,
      revision: 'r1',
      activation: 1,
      recordIndex: 0,
      provenance: {},
    }),
    nameCause: (trail, answer) => room.nameCause(trail, answer),
    reportFault: (cause) => world.faults.push(cause),
  };
}

function actionOf(ask: Ask, wish: Wish): Action {
  const kind = wish.class ?? 'external';
  return {
    name: ask.action,
    class: kind,
    known: true,
    stateless: wish.stateless ?? false,
    effectful: kind !== 'read',
    entry: {
      class: kind,
      stateless: wish.stateless ?? false,
      arguments: new Map(),
      identity: [],
      output: { default: 'self', fields: new Map() },
    },
    resource: ask.resource,
    args: ask.args,
    policyArgs: canonicalJson(ask.args),
    identity: wish.identity,
    values: [],
    weighty: [],
  };
}

/** The code of the first reason, or the effect where there is none. */
export function said(decision: Decision): string {
  return decision.reasons[0]?.code ?? decision.effect;
}
