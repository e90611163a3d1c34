import { durationMs } from '@bufbuild/protobuf/wkt';
import {
  type Decision as DecisionMessage,
  Effect as EffectCode,
  Remedy as RemedyCode,
} from '../gen/assent/v1/authorization_pb.js';
import { isJsonObject, type JsonObject, parseJson } from '../model/json.ts';
import type { Effect, Remedy } from '../model/reason.ts';
import type { Failure } from './failure.ts';
import { unixMs } from './mandate.ts';

/** Why the client itself says no: decided here, without or against the PDP's answer. */
export type ClientCode =
  | 'client.unavailable'
  | 'client.late'
  | 'client.rejected'
  | 'client.malformed_ask'
  | 'client.malformed_answer'
  | 'client.unknown_effect'
  | 'client.expired'
  | 'client.dry_run'
  | 'client.obligation_unclaimed'
  | 'client.obligation_failed'
  | 'client.overloaded'
  | 'client.closed';

const CLIENT_REASONS: Readonly<Record<ClientCode, { readonly remedy: Remedy; readonly words: string }>> = {
  'client.unavailable': { remedy: 'retry_later', words: 'the decision point could not be asked' },
  'client.late': { remedy: 'retry_later', words: 'the answer did not come in time' },
  'client.rejected': { remedy: 'stop', words: 'the decision point does not take this ask' },
  'client.malformed_ask': { remedy: 'change_arguments', words: 'the ask cannot be sent as it is' },
  'client.malformed_answer': { remedy: 'stop', words: 'the answer cannot be relied on' },
  'client.unknown_effect': {
    remedy: 'stop',
    words: 'the answer has an effect that this client does not know',
  },
  'client.expired': { remedy: 'retry_later', words: 'the permission has run out' },
  'client.dry_run': { remedy: 'stop', words: 'this was a dry run' },
  'client.obligation_unclaimed': {
    remedy: 'stop',
    words: 'nobody here carries out an obligation of the permission',
  },
  'client.obligation_failed': {
    remedy: 'stop',
    words: 'an obligation of the permission could not be carried out',
  },
  'client.overloaded': { remedy: 'retry_later', words: 'too many asks are in flight' },
  'client.closed': { remedy: 'stop', words: 'the client was closed' },
};

export interface ReasonView {
  /** `client.*` where the client itself said no. */
  readonly code: string;
  readonly words: string;
  readonly remedy: Remedy | 'unknown';
  /** For an escalate: who may decide. */
  readonly reviewers: readonly string[];
}

interface Obligation {
  readonly name: string;
  readonly parameters: JsonObject;
}

/** What the PDP decided. */
export interface Decision {
  readonly id: string;
  readonly effect: Effect;
  readonly reasons: readonly ReasonView[];
  readonly obligations: readonly Obligation[];
  /** For a throttle: ask again no sooner. */
  readonly retryDelayMs: number | undefined;
  /** For an allow: Unix ms from which it is void. */
  readonly expiresAt: number | undefined;
  /** A stable idempotency key to hand to the system that carries the action out; empty for plain reads. */
  readonly executionKey: string;
  readonly revision: string;
  readonly activation: number;
  readonly recordIndex: number;
  /** Equal for retries of one cause; empty for an allow. */
  readonly causeId: string;
  readonly replayed: boolean;
  readonly dryRun: boolean;
  readonly challenge: string;
  /** Empty for a stateless ask. */
  readonly sessionId: string;
  /** Only for enforcement points with the role `details`. */
  readonly provenance: Readonly<Record<string, string>>;
}

/** Whether the tool may run. Only `permitted` counts; everything else explains it. */
export interface Permission {
  readonly permitted: boolean;
  /** What was decided; `deny` where the client itself says no, whatever was decided. */
  readonly effect: Effect;
  /** Never empty, unless permitted. */
  readonly reasons: readonly ReasonView[];
  readonly requestId: string;
  /** Times that the ask was sent. */
  readonly attempts: number;
  /** Absent when no answer came that could be read. */
  readonly decision?: Decision;
  /** Why no answer came. */
  readonly failure?: Failure;
}

const EFFECTS = new Map<number, Effect>([
  [EffectCode.ALLOW, 'allow'],
  [EffectCode.DENY, 'deny'],
  [EffectCode.ESCALATE, 'escalate'],
  [EffectCode.THROTTLE, 'throttle'],
]);

const REMEDIES = new Map<number, Remedy>([
  [RemedyCode.RETRY_LATER, 'retry_later'],
  [RemedyCode.CHANGE_ARGUMENTS, 'change_arguments'],
  [RemedyCode.ASK_HUMAN, 'ask_human'],
  [RemedyCode.STEP_UP, 'step_up'],
  [RemedyCode.STOP, 'stop'],
]);

/** The answer as plain values, or why it cannot be relied on. */
export function readDecision(message: DecisionMessage | undefined): Decision | ClientCode {
  if (message === undefined || message.decisionId === '') return 'client.malformed_answer';
  const effect = EFFECTS.get(message.effect);
  if (effect === undefined) return 'client.unknown_effect';
  const obligations = readObligations(message);
  if (obligations === undefined) return 'client.malformed_answer';
  return {
    id: message.decisionId,
    effect,
    reasons: message.reasons.map(({ code, words, remedy, reviewers }) => ({
      code,
      words,
      remedy: REMEDIES.get(remedy) ?? 'unknown',
      reviewers,
    })),
    obligations,
    retryDelayMs: message.retryDelay === undefined ? undefined : durationMs(message.retryDelay),
    expiresAt: message.expireTime === undefined ? undefined : unixMs(message.expireTime),
    executionKey: message.executionKey,
    revision: message.revision,
    activation: Number(message.activation),
    recordIndex: Number(message.recordIndex),
    causeId: message.causeId,
    replayed: message.replayed,
    dryRun: message.dryRun,
    challenge: message.challenge,
    sessionId: message.sessionId,
    provenance: message.details?.provenance ?? {},
  };
}

/** Why a decision does not permit although nothing failed; undefined: it does, but for its obligations. */
export function objection(decision: Decision, dryRun: boolean, at: number): ClientCode | undefined {
  if (decision.effect !== 'allow') return undefined;
  if (dryRun || decision.dryRun) return 'client.dry_run';
  if (decision.expiresAt === undefined || !Number.isFinite(decision.expiresAt))
    return 'client.malformed_answer';
  return at >= decision.expiresAt ? 'client.expired' : undefined;
}

/** The client's own reason. */
export function clientReason(code: ClientCode, more = ''): ReasonView {
  const { words, remedy } = CLIENT_REASONS[code];
  // A failure may say just what the code does.
  const said = more === '' || more === words ? words : `${words}: ${more}`;
  return { code, words: said, remedy, reviewers: [] };
}

/** An obligation that cannot be read cannot be carried out: the whole answer is void. */
function readObligations(message: DecisionMessage): Obligation[] | undefined {
  const obligations: Obligation[] = [];
  for (const { name, parametersJson } of message.obligations) {
    try {
      const parameters = parametersJson.length === 0 ? {} : parseJson(parametersJson, { maxDepth: 32 });
      if (!isJsonObject(parameters)) return undefined;
      obligations.push({ name, parameters });
    } catch {
      // What is to be done is unknown, so it cannot be done.
      return undefined;
    }
  }
  return obligations;
}
