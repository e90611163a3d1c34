import { hash } from 'node:crypto';
import type { Caller } from '../model/caller.ts';
import type { Answer } from '../model/decision.ts';
import type { Trail } from '../model/facts.ts';
import { canonicalJson, type JsonValue, quoteJson } from '../model/json.ts';
import type { Identity } from '../model/mandate.ts';
import { commitmentText, commitTo } from './commitment.ts';
import { type RecordedFacts, recordedFacts } from './facts.ts';
import type { BuiltRecord, CommitmentOpening } from './log.ts';

/** C2SP tlog-tiles writes an entry's length as a uint16. */
const MAX_RECORD_BYTES = 65_535;

const NO_OPENINGS: readonly CommitmentOpening[] = [];

/** The rules in force, for answers that policy never saw. */
export interface Active {
  readonly revision: string;
  readonly activation: number;
  readonly dataVersion: number;
}

/** A record's place in the log, and what the trail does not know. */
export interface RecordPlace {
  readonly index: number;
  /** base64url leaf hash of the record before. */
  readonly previous: string;
  readonly active: Active;
  /** Throwaway keys: such a record proves nothing. */
  readonly dev: boolean;
}

/** The texts that a record too long gives up, in this order. */
interface Bulky {
  readonly session: string;
  readonly facts: string;
  readonly verdict: string;
  readonly caller: string;
  readonly shortened: readonly string[];
}

/**
 * One answer as canonical JSON (RFC 8785), by hand: who, for whom, by which chain, what, the facts, the verdict,
 * the rules, the session entry and the hash of the record before. No token, proof or secret enters; the task's
 * purpose and declared values, and arguments that are sensitive or of an action without an entry, enter as salted
 * commitments. Past 65,535 bytes the session payload becomes its digest, then facts, verdict and caller become
 * commitments, and `shortened` names them.
 * @throws RangeError when it is too long even so, which the caps on ids rule out
 */
export function buildRecord(trail: Trail, answer: Answer, place: RecordPlace): BuiltRecord {
  const openings: CommitmentOpening[] = [];
  const facts = recordedFacts(trail, openings);
  const frame = frameOf(trail, answer, place, facts);
  let bulky: Bulky = {
    session: sessionText(trail, answer, false),
    facts: facts.text,
    verdict: verdictText(answer),
    caller: trail.caller === undefined ? '' : `"caller":${callerText(trail.caller)},`,
    shortened: [],
  };
  const { shared = NO_OPENINGS } = facts;
  let text = frame(bulky);
  for (const shorten of SHORTER) {
    if (fits(text)) return { text, openings, shared };
    bulky = shorten(bulky, { trail, answer, openings });
    text = frame(bulky);
  }
  if (!fits(text)) throw new RangeError('record is too long');
  return { text, openings, shared };
}

function fits(text: string): boolean {
  return text.length * 3 <= MAX_RECORD_BYTES || Buffer.byteLength(text) <= MAX_RECORD_BYTES;
}

interface Shortening {
  readonly trail: Trail;
  readonly answer: Answer;
  readonly openings: CommitmentOpening[];
}

const SHORTER: readonly ((bulky: Bulky, from: Shortening) => Bulky)[] = [
  (bulky, { trail, answer }) => ({
    ...bulky,
    session: sessionText(trail, answer, true),
    shortened: answer.committed === undefined ? [] : ['session.payload'],
  }),
  (bulky, { openings }) => ({
    ...bulky,
    facts: committed(bulky.facts, openings),
    shortened: ['facts', ...bulky.shortened],
  }),
  (bulky, { answer, openings }) => ({
    ...bulky,
    verdict: shortVerdict(answer, bulky.verdict, openings),
    shortened: [...bulky.shortened, 'verdict'],
  }),
  (bulky, { trail, openings }) => ({
    ...bulky,
    caller: trail.caller === undefined ? '' : `"caller":${committed(callerText(trail.caller), openings)},`,
    shortened: ['caller', ...bulky.shortened],
  }),
];

function committed(text: string, openings: CommitmentOpening[]): string {
  const opening = commitTo(text);
  openings.push(opening);
  return commitmentText(opening);
}

/** Everything of the record that is short whatever was asked; members stand in canonical order. */
function frameOf(
  trail: Trail,
  answer: Answer,
  place: RecordPlace,
  { state, resourceId }: RecordedFacts,
): (bulky: Bulky) => string {
  const { ask, action } = trail;
  const rules = trail.judged ?? place.active;
  const actionClass = action === undefined ? '' : `"class":"${action.class}","known":${action.known},`;
  const traceId = traceIdOf(ask.traceparent);
  const head =
    `{"action":{${actionClass}"name":${quoteJson(ask.action)}},"activation":${rules.activation}` +
    `,"answer":{${answerText(answer)}},`;
  const middle =
    `"chain":${canonicalJson(trail.authority?.hops ?? [])},"data_version":${rules.dataVersion}` +
    `,"decision_id":${quoteJson(answer.id)},"dev":${place.dev},"dry_run":${ask.dryRun}`;
  const tail =
    `,"facts_state":"${state}","index":${place.index},"kind":"decision"` +
    `${ask.operationId === undefined ? '' : `,"operation_id":${quoteJson(ask.operationId)}`}` +
    `,"pep":${quoteJson(ask.pep.id)},"previous":"${place.previous}"` +
    `,"request_digest":${quoteJson(ask.digest)},"request_id":${quoteJson(ask.requestId)}` +
    `,"resource":{"id":${resourceId},"type":${quoteJson(ask.resource.type)}}` +
    `,"revision":${quoteJson(rules.revision)}`;
  const end =
    `,"tenant":${quoteJson(ask.pep.tenant)}${traceId === undefined ? '' : `,"trace_id":"${traceId}"`}` +
    `,"ts":${trail.at},"v":1,"verdict":`;
  const walk = trail.id === answer.id ? '' : `,"walk_id":${quoteJson(trail.id)}`;
  return ({ session, facts, verdict, caller, shortened }) =>
    `${head}${caller}${middle},"facts":${facts}${tail}${session}` +
    `${shortened.length === 0 ? '' : `,"shortened":${canonicalJson(shortened)}`}${end}${verdict}${walk}}`;
}

function answerText(answer: Answer): string {
  const members: string[] = [];
  if (answer.causeId !== undefined) members.push(`"cause_id":${quoteJson(answer.causeId)}`);
  if (answer.executionKey !== undefined) members.push(`"execution_key":${quoteJson(answer.executionKey)}`);
  if (answer.expiresAt !== undefined) members.push(`"expires_at":${answer.expiresAt}`);
  members.push(`"replayed":${answer.replayed === true}`);
  return members.join(',');
}

function verdictText({ consume, effect, obligations, reasons, retryDelayMs }: Answer): string {
  return (
    `{"consume":${list(consume)},"effect":"${effect}","obligations":${list(obligations)}` +
    `,"reasons":${list(reasons)}${retryDelayMs === undefined ? '' : `,"retry_delay_ms":${retryDelayMs}`}}`
  );
}

function list(items: readonly object[]): string {
  return items.length === 0 ? '[]' : canonicalJson(items as readonly JsonValue[]);
}

function shortVerdict(answer: Answer, verdict: string, openings: CommitmentOpening[]): string {
  const opening = commitTo(verdict);
  openings.push(opening);
  const codes = answer.reasons.slice(0, 16).map(({ code }) => code.slice(0, 128));
  return `{"codes":${canonicalJson(codes)},"commitment":"${opening.commitment}","effect":"${answer.effect}"}`;
}

/** The entry this answer left, or, where it left none, the head that it was decided at. */
function sessionText({ ask, session }: Trail, { committed: entry, stale }: Answer, short: boolean): string {
  if (entry !== undefined) {
    const payload = short
      ? `"payload_digest":"${hash('sha256', entry.payload, 'base64url')}"`
      : `"payload":${entry.payload}`;
    return `,"session":{"appended":true,"digest":${quoteJson(entry.digest)},"id":${quoteJson(entry.session)},${payload},"version":${entry.version}}`;
  }
  const mark = stale === true ? ',"stale":true' : '';
  if (session !== null && session !== undefined)
    return `,"session":{"appended":false,"digest":${quoteJson(session.head.digest)},"id":${quoteJson(session.id)}${mark},"version":${session.head.version}}`;
  return ask.session.kind === 'id'
    ? `,"session":{"appended":false,"id":${quoteJson(ask.session.id)}${mark}}`
    : '';
}

// A verified caller never changes and comes back with every ask of its token.
const callers = new WeakMap<Caller, string>();

function callerText(caller: Caller): string {
  let text = callers.get(caller);
  if (text === undefined) {
    const { auth, binding, jti } = caller;
    text = canonicalJson({
      subject: identity(caller.subject),
      actor: identity(caller.actor),
      prior_actors: caller.priorActors.map(identity),
      client: caller.client,
      auth: {
        method: auth.method,
        bound: auth.bound,
        ...(binding === undefined ? {} : { binding }),
        ...(jti === undefined ? {} : { jti_sha256: hash('sha256', jti, 'base64url') }),
      },
    });
    callers.set(caller, text);
  }
  return text;
}

function identity({ iss, id }: Identity): { readonly iss: string; readonly id: string } {
  return { iss, id };
}

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/;

/** W3C Trace Context: the second field; a header of any other form is not repeated. */
function traceIdOf(traceparent: string | undefined): string | undefined {
  return traceparent === undefined ? undefined : TRACEPARENT.exec(traceparent)?.[1];
}
