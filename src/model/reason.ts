import { canonicalJson, type JsonObject, type JsonValue } from './json.ts';

export type Effect = 'allow' | 'deny' | 'escalate' | 'throttle';

/** What the agent can sensibly do next. */
export type Remedy = 'retry_later' | 'change_arguments' | 'ask_human' | 'step_up' | 'stop';

interface Entry {
  readonly remedy: Remedy;
  readonly words: string;
}

/**
 * Every reason code that is ours. The prefix is the room that says it; the same string stands in the
 * decision, the record, the metric label and the test. Bundles add `policy.*` codes that they declare.
 */
export const REASONS = {
  'request.too_old': { remedy: 'stop', words: 'the answer to this request id is no longer given again' },
  'request.changed': { remedy: 'stop', words: 'the request id was used before with other content' },

  'token.malformed': { remedy: 'stop', words: 'the token cannot be read' },
  'token.wrong_type': { remedy: 'stop', words: 'the token is not an access token' },
  'token.algorithm': {
    remedy: 'stop',
    words: 'the token is signed with an algorithm its issuer may not use',
  },
  'token.unknown_issuer': { remedy: 'stop', words: 'the token comes from an issuer that is not configured' },
  'token.unknown_key': { remedy: 'retry_later', words: 'the key that signed the token is not known' },
  'token.bad_signature': { remedy: 'stop', words: 'the signature of the token does not verify' },
  'token.missing_claim': { remedy: 'stop', words: 'the token lacks a claim that it must have' },
  'token.wrong_audience': { remedy: 'stop', words: 'the token was issued for somebody else' },
  'token.expired': { remedy: 'step_up', words: 'the token has expired' },
  'token.not_yet_valid': { remedy: 'retry_later', words: 'the token is not valid yet' },
  'token.too_long_lived': { remedy: 'stop', words: 'the token lives longer than its issuer may grant' },
  'token.binding': { remedy: 'stop', words: 'the token is bound to a key or certificate that was not shown' },
  'token.proof': { remedy: 'stop', words: 'the proof of possession does not hold' },
  'token.replayed': { remedy: 'stop', words: 'the proof of possession was used before' },
  'token.actor_malformed': { remedy: 'stop', words: 'the actor claim of the token cannot be read' },
  'token.actor_mismatch': {
    remedy: 'stop',
    words: 'the token belongs to another agent than the chain ends at',
  },

  'delegation.malformed': { remedy: 'stop', words: 'a hop of the delegation chain cannot be read' },
  'delegation.too_deep': { remedy: 'stop', words: 'the delegation chain has too many hops' },
  'delegation.unknown_delegator': { remedy: 'stop', words: 'a delegator is not a registered agent' },
  'delegation.bad_signature': { remedy: 'stop', words: 'the signature of a hop does not verify' },
  'delegation.expired': { remedy: 'stop', words: 'a hop has expired' },
  'delegation.not_yet_valid': { remedy: 'retry_later', words: 'a hop is not valid yet' },
  'delegation.parent_missing': { remedy: 'stop', words: 'a hop names a parent that the chain does not hold' },
  'delegation.reordered': { remedy: 'stop', words: 'the hops are not in the order in which they were made' },
  'delegation.spliced': { remedy: 'stop', words: 'a hop was taken from another chain' },
  'delegation.widened': { remedy: 'stop', words: 'a hop grants more than its delegator had' },
  'delegation.looped': { remedy: 'stop', words: 'the chain comes back to an actor that it already left' },
  'delegation.self_issued': { remedy: 'stop', words: 'a hop delegates to its own delegator' },
  'delegation.other_tenant': { remedy: 'stop', words: 'a hop belongs to another tenant' },
  'delegation.other_mandate': { remedy: 'stop', words: 'a hop was made under another mandate' },
  'delegation.required': { remedy: 'stop', words: 'this agent acts only on delegated authority' },

  'authority.exceeded': { remedy: 'stop', words: 'the action is outside what was granted' },

  'action.malformed': {
    remedy: 'change_arguments',
    words: 'the arguments are not what the catalog describes',
  },
  'action.argument_missing': {
    remedy: 'change_arguments',
    words: 'an argument that the catalog requires is missing',
  },
  'action.argument_unknown': { remedy: 'change_arguments', words: 'an argument is not in the catalog' },
  'action.argument_type': {
    remedy: 'change_arguments',
    words: 'an argument has another type than the catalog says',
  },
  'action.argument_too_long': {
    remedy: 'change_arguments',
    words: 'an argument is longer than the catalog allows',
  },

  'session.unknown': { remedy: 'stop', words: 'there is no such session' },
  'session.required': { remedy: 'stop', words: 'this action needs a session' },
  'session.not_yours': { remedy: 'stop', words: 'the session belongs to somebody else' },
  'session.task_closed': { remedy: 'stop', words: 'the task of this session is finished' },
  'session.suspended': { remedy: 'retry_later', words: 'the session is suspended' },
  'session.expired': { remedy: 'stop', words: 'the mandate of this session has expired' },
  'session.torn': { remedy: 'stop', words: 'the history of this session does not hold together' },
  'session.full': { remedy: 'stop', words: 'the session has reached its bound; open another' },
  'session.contended': {
    remedy: 'retry_later',
    words:
      'this very ask is still being decided, or too many race on its session: ask again under the same request id',
  },
  'session.duplicate': {
    remedy: 'stop',
    words: 'the same business action was already permitted in this session',
  },
  'session.operation_changed': {
    remedy: 'change_arguments',
    words: 'the operation id stands for another act, or for that of another caller',
  },
  'session.operation_unknown': { remedy: 'ask_human', words: 'the outcome of this operation is unknown' },
  'session.rate': { remedy: 'retry_later', words: 'the agent acts faster than it may' },
  'session.budget': { remedy: 'ask_human', words: 'the budget of this session does not cover the action' },

  'provenance.untrusted': {
    remedy: 'ask_human',
    words: 'an argument that must come from the user or a trusted record does not',
  },

  'policy.unspoken': { remedy: 'stop', words: 'no rule permits the action' },
  'policy.undefined': { remedy: 'stop', words: 'the policy gave no verdict' },

  'fault.internal': { remedy: 'retry_later', words: 'something failed on our side' },
} as const satisfies Record<string, Entry>;

export type OwnCode = keyof typeof REASONS;
/** An own code, or one that the active bundle declares. */
export type ReasonCode = OwnCode | `policy.${string}`;

export interface Reason {
  readonly code: ReasonCode;
  /** For the agent: lower case, no secrets, no values of other parties. */
  readonly words: string;
  readonly remedy: Remedy;
  /** Groups or people who may decide, when the effect is escalate. */
  readonly reviewers?: readonly string[];
  /** Facts of the failure for the record and for callers with the role `details`. */
  readonly details?: JsonObject;
}

export function isOwnCode(code: string): code is OwnCode {
  return Object.hasOwn(REASONS, code);
}

/** The reason for one of our own codes, with its words and remedy from the table. */
export function reasonOf(code: OwnCode, details?: JsonObject): Reason {
  const { words, remedy } = REASONS[code];
  return details === undefined ? { code, words, remedy } : { code, words, remedy, details };
}

/**
 * One reason a code, in the order in which codes come first, with the words and the remedy of whoever came first.
 * Reviewers and lists among the details are joined; another detail that is given twice stays as it was given first.
 */
export function combineReasons(reasons: readonly Reason[]): readonly Reason[] {
  const combined = new Map<ReasonCode, Reason>();
  for (const reason of reasons) {
    const first = combined.get(reason.code);
    combined.set(reason.code, first === undefined ? reason : joined(first, reason));
  }
  return combined.size === reasons.length ? reasons : [...combined.values()];
}

function joined(first: Reason, second: Reason): Reason {
  const reviewers = new Set([...(first.reviewers ?? []), ...(second.reviewers ?? [])]);
  const details: Record<string, JsonValue> = { ...second.details, ...first.details };
  for (const [name, value] of Object.entries(first.details ?? {})) {
    const other = second.details?.[name];
    if (Array.isArray(value) && Array.isArray(other)) details[name] = union(value, other);
  }
  return {
    ...first,
    ...(reviewers.size === 0 ? {} : { reviewers: [...reviewers] }),
    ...(Object.keys(details).length === 0 ? {} : { details }),
  };
}

function union(first: readonly JsonValue[], second: readonly JsonValue[]): readonly JsonValue[] {
  const items = new Map([...first, ...second].map((item) => [canonicalJson(item), item]));
  return [...items.values()];
}

/** Strictest first: deny, throttle, escalate, allow: the order of the combiner and of the floors. */
export const STRICTNESS: readonly Effect[] = ['deny', 'throttle', 'escalate', 'allow'];
