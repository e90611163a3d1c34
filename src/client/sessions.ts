import {
  type Session as SessionMessage,
  SessionService,
  SessionState as StateCode,
} from '../gen/assent/v1/session_pb.js';
import type { Effect } from '../model/reason.ts';
import type { SessionState } from '../model/session.ts';
import type { SessionStep, SessionView } from '../model/verbs.ts';
import { type Calling, call } from './call.ts';
import { AssentError, localFailure } from './failure.ts';
import { type MandateInput, mandateMessage, mandateOf, unixMs } from './mandate.ts';

/** Which page of a list: at most `size` items, from `token` of the page before. */
export interface PageInput {
  readonly size?: number;
  readonly token?: string;
}

export interface SessionPage {
  readonly sessions: readonly SessionView[];
  /** Empty on the last page. */
  readonly nextToken: string;
}

/** All reject with AssentError, also for a mandate that cannot be sent: `fields` says why. */
export interface SessionCalls {
  /** The same `openKey` finds the same session again. */
  openSession(mandate: MandateInput, openKey?: string): Promise<SessionView>;
  getSession(id: string): Promise<SessionView>;
  listSessions(page?: PageInput): Promise<SessionPage>;
  amendSession(id: string, mandate: MandateInput): Promise<SessionView>;
  /** Once this resolves nothing is allowed in the session any more. */
  closeSession(id: string): Promise<SessionView>;
  suspend(id: string, cause?: string): Promise<SessionView>;
  resume(id: string): Promise<SessionView>;
}

export function createSessionCalls(calling: Calling): SessionCalls {
  const { method } = SessionService;
  return {
    openSession: async (mandate, openKey = '') =>
      viewOf(
        (await call(calling, method.openSession, { mandate: mandateMessage(mandate), openKey })).session,
      ),
    getSession: async (sessionId) => viewOf((await call(calling, method.getSession, { sessionId })).session),
    listSessions: async (page = {}) => {
      const message = { pageSize: page.size ?? 0, pageToken: page.token ?? '' };
      const { sessions, nextPageToken } = await call(calling, method.listSessions, message);
      return { sessions: sessions.map(viewOf), nextToken: nextPageToken };
    },
    amendSession: async (sessionId, mandate) =>
      viewOf(
        (await call(calling, method.amendSession, { sessionId, mandate: mandateMessage(mandate) })).session,
      ),
    closeSession: async (sessionId) =>
      viewOf((await call(calling, method.closeSession, { sessionId })).session),
    suspend: async (sessionId, cause = '') =>
      viewOf((await call(calling, method.suspendSession, { sessionId, cause })).session),
    resume: async (sessionId) => viewOf((await call(calling, method.resumeSession, { sessionId })).session),
  };
}

const STATES = new Map<number, SessionState>([
  [StateCode.OPEN, 'open'],
  [StateCode.SUSPENDED, 'suspended'],
  [StateCode.CLOSED, 'closed'],
]);
const EFFECTS: ReadonlySet<string> = new Set<Effect>(['allow', 'deny', 'escalate', 'throttle']);

function viewOf(message: SessionMessage | undefined): SessionView {
  const state = STATES.get(message?.state ?? StateCode.UNSPECIFIED);
  if (message === undefined || state === undefined)
    throw new AssentError(localFailure('DATA_LOSS', 'the session cannot be read'));
  const mandate = mandateOf(message.mandate);
  return {
    id: message.id,
    state,
    mandate,
    mandateDigest: message.mandateDigest,
    subject: mandate.subject,
    actor: mandate.actor,
    openedAt: unixMs(message.openTime),
    steps: Number(message.steps),
    denials: Number(message.denials),
    spent: message.spent,
    remaining: message.remaining,
    recent: message.recent.map(
      ({ action, effect, code, time }): SessionStep => ({
        action,
        // An effect that this client does not know is shown as the one that permits nothing.
        effect: EFFECTS.has(effect) ? (effect as Effect) : 'deny',
        code,
        at: unixMs(time),
      }),
    ),
    head: { version: Number(message.version), digest: message.digest },
  };
}
