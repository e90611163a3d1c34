/**
 * Writes the policy's input: canonical JSON (RFC 8785) put together from parts. Canonical, because the record
 * holds the same text and a retry's digest must not depend on who wrote it; by hand, because most parts are
 * text already (arguments) or the same for every ask of a caller or a mandate, and are written once.
 */
import type { Authority } from '../model/authority.ts';
import type { Caller } from '../model/caller.ts';
import type { Resource } from '../model/catalog.ts';
import type { Facts, Provenance } from '../model/facts.ts';
import { canonicalJson, JsonError, parseJson, quoteJson } from '../model/json.ts';
import type { Identity } from '../model/mandate.ts';
import { Refusal } from '../model/refusal.ts';
import type { Session } from '../model/session.ts';

/** Permitted actions that policy sees of the session's history. */
const RECENT = 8;

/**
 * The input that policy judges by, members sorted at every level:
 * ```
 * action{class, name}  args{…}  authority{actors[{id, iss}], depth, limits{}, permits, root{by, task}|null, scopes[]}
 * caller{actor, auth{acr|null, age|null, bound, method}, client, scopes[], subject}  claimed{…}
 * provenance{path → user|trusted|untrusted|unknown}  resource{id, type, …properties}
 * session{age, counts, denials, duplicate, id, operation, rate, recent[≤8], remaining, state, steps, sums, throttles}|null
 * task{declared, purpose, state, type}|null  time{unix_ms}
 * ```
 * Ages are whole seconds; budgets are exact JSON numbers; a resource's own `type` and `id` win over
 * properties of those names. `authority.permits` is what chain, scopes and mandate together permit.
 * @throws Refusal `session.budget` when a budget is no number that JSON readers agree on
 */
export function composeInput(facts: Facts): string {
  const { action, session, caller } = facts;
  return (
    `{"action":{"class":"${action.class}","name":${quoteJson(action.name)}},"args":${action.policyArgs},` +
    `"authority":${authorityOf(facts.authority, caller, session)},"caller":${callerOf(caller, facts.at)},` +
    `"claimed":${canonicalJson(facts.ask.claimed)},"provenance":${provenanceOf(facts.provenance)},` +
    `"resource":${resourceOf(action.resource)},"session":${session === null ? 'null' : sessionOf(session)},` +
    `"task":${session === null ? 'null' : taskOf(session)},"time":{"unix_ms":${facts.at}}}`
  );
}

/** Whether chain, scopes and mandate together permit the asked action: a fact for policy, and a floor. */
export function permits(facts: Pick<Facts, 'authority' | 'session'>): boolean {
  return facts.authority.permits && (facts.session?.mandatePermits ?? true);
}

function authorityOf(authority: Authority, caller: Caller, session: Session | null): string {
  const { root } = authority;
  return (
    `{"actors":[${authority.actors.map(identityOf).join(',')}],"depth":${authority.depth},` +
    `"limits":${budgetsOf(authority.limits)},"permits":${permits({ authority, session })},` +
    `"root":${root === undefined ? 'null' : `{"by":${identityOf(root.by)},"task":${quoteJson(root.task)}}`},` +
    `"scopes":${partsOf(caller).scopes}}`
  );
}

interface CallerParts {
  readonly head: string;
  readonly tail: string;
  readonly scopes: string;
}

/** Callers are cached between asks and never change; only the age of the authentication does. */
const callerParts = new WeakMap<Caller, CallerParts>();

function partsOf(caller: Caller): CallerParts {
  const known = callerParts.get(caller);
  if (known !== undefined) return known;
  const { auth } = caller;
  const scopes = canonicalJson(caller.scopes);
  const acr = auth.acr === undefined ? 'null' : quoteJson(auth.acr);
  const parts = {
    head: `{"actor":${identityOf(caller.actor)},"auth":{"acr":${acr},"age":`,
    tail:
      `,"bound":${auth.bound},"method":"${auth.method}"},"client":${quoteJson(caller.client)},` +
      `"scopes":${scopes},"subject":${identityOf(caller.subject)}}`,
    scopes,
  };
  callerParts.set(caller, parts);
  return parts;
}

function callerOf(caller: Caller, at: number): string {
  const { head, tail } = partsOf(caller);
  const { authTime } = caller.auth;
  return `${head}${authTime === undefined ? 'null' : Math.floor(at / 1000 - authTime)}${tail}`;
}

function sessionOf(session: Session): string {
  const { rate } = session;
  let recent = '';
  for (let i = 0; i < session.recent.length && i < RECENT; i += 1) {
    const step = session.recent[i];
    if (step !== undefined)
      recent += `${i === 0 ? '' : ','}{"action":${quoteJson(step.action)},"effect":"${step.effect}"}`;
  }
  return (
    `{"age":${session.age},"counts":${countsOf(session.counts)},"denials":${session.denials},` +
    `"duplicate":${session.duplicate},"id":${quoteJson(session.id)},"operation":"${session.operation}",` +
    `"rate":{"action_per_minute":${rate.action_per_minute},"action_per_second":${rate.action_per_second},` +
    `"session_per_minute":${rate.session_per_minute}},"recent":[${recent}],` +
    `"remaining":${budgetsOf(session.remaining)},"state":"${session.state}","steps":${session.steps},` +
    `"sums":${budgetsOf(session.sums)},"throttles":${countsOf(session.throttles)}}`
  );
}

/** The mandate's own words, by its declared values: both change only when the mandate does. */
const taskParts = new WeakMap<object, { readonly purpose: string; readonly text: string }>();

function taskOf(session: Session): string {
  const { declared, purpose, state, type } = session.task;
  let known = taskParts.get(declared);
  if (known?.purpose !== purpose) {
    known = { purpose, text: `{"declared":${canonicalJson(declared)},"purpose":${quoteJson(purpose)}` };
    taskParts.set(declared, known);
  }
  return `${known.text},"state":"${state}","type":${quoteJson(type)}}`;
}

function resourceOf(resource: Resource): string {
  const { id, type, properties } = resource;
  for (const _ in properties) return canonicalJson({ ...properties, id, type });
  return `{"id":${quoteJson(id)},"type":${quoteJson(type)}}`;
}

function provenanceOf(provenance: Provenance): string {
  let out = '';
  for (const path of sortedNames(provenance)) out += `,${quoteJson(path)}:"${provenance[path]}"`;
  return `{${out.slice(1)}}`;
}

function identityOf({ id, iss }: Identity): string {
  return `{"id":${quoteJson(id)},"iss":${quoteJson(iss)}}`;
}

function countsOf(counts: Readonly<Record<string, number>>): string {
  let out = '';
  for (const name of sortedNames(counts)) out += `,${quoteJson(name)}:${counts[name]}`;
  return `{${out.slice(1)}}`;
}

function budgetsOf(budgets: Readonly<Record<string, string>>): string {
  let out = '';
  for (const name of sortedNames(budgets))
    out += `,${quoteJson(name)}:${exactNumber(budgets[name] ?? '', name)}`;
  return `{${out.slice(1)}}`;
}

function sortedNames(record: object): string[] {
  const names = Object.keys(record);
  // By UTF-16 code units, as RFC 8785 §3.2.3 asks.
  return names.length < 2 ? names : names.sort();
}

/** A decimal's canonical number, where a double holds it exactly; policy must not judge by a rounded amount. */
function exactNumber(decimal: string, budget: string): string {
  const number = Number(decimal);
  if (Number.isFinite(number) && String(number) === decimal) return decimal;
  try {
    const exact = parseJson(decimal, { maxDepth: 1 });
    if (typeof exact !== 'number') throw new JsonError('is not a number', '');
    return String(exact);
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause;
    throw new Refusal('session.budget', { budget, problem: cause.message });
  }
}
