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
import { checkedMandate, type MandateInput, mandateOf, unixMs } from './mandate.ts';
import { checkedText, count, demand, object, optional, text } from './shape.ts';

/** Which page of a list: at most `size` items, from `token` of the page before. */
export interface PageInput {
  readonly size?: number;
  readonly token?: string;
}

const PAGE = object<PageInput>({ size: optional(count), token: optional(text) });

export interface SessionPage {
  readonly sessions: readonly SessionView[];
  /** Empty on the last page. */
  readonly nextToken: string;
}

/** All reject with AssentError, also for what cannot be sent: `fields` says why. */
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
    openSession: async (mandate, openKey = '') => {
      const message = { mandate: checkedMandate(mandate), openKey: checkedText(openKey, 'openKey') };
      return viewOf((await call(calling, method.openSession, message)).session);
    },
    getSession: async (id) => viewOf((await call(calling, method.getSession, sessionIn(id))).session),
    listSessions: async (page = {}) => {
      const { sessions, nextPageToken } = await call(calling, method.listSessions, pageMessage(page));
      return { sessions: sessions.map(viewOf), nextToken: nextPageToken };
    },
    amendSession: async (id, mandate) => {
      const message = { ...sessionIn(id), mandate: checkedMandate(mandate) };
      return viewOf((await call(calling, method.amendSession, message)).session);
    },
    closeSession: async (id) => viewOf((await call(calling, method.closeSession, sessionIn(id))).session),
    suspend: async (id, cause = '') => {
      const message = { ...sessionIn(id), cause: checkedText(cause, 'cause') };
      return viewOf((await call(calling, method.suspendSession, message)).session);
    },
    resume: async (id) => viewOf((await call(calling, method.resumeSession, sessionIn(id))).session),
  };
}

function sessionIn(id: string): { readonly sessionId: string } {
  return { sessionId: checkedText(id, 'id') };
}

/** @throws AssentError for what is no page */
export function pageMessage(page: PageInput): { readonly pageSize: number; readonly pageToken: string } {
  demand(PAGE, page, 'page');
  return { pageSize: page.size ?? 0, pageToken: page.token ?? '' };
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
