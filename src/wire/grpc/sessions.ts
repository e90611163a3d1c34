import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type SessionSchema,
  SessionService,
  SessionState as WireSessionState,
} from '../../gen/assent/v1/session_pb.js';
import type { SessionState } from '../../model/session.ts';
import type { SessionView } from '../../model/verbs.ts';
import { atMostBytes, KIB, optionalId, page, requireId } from './fields.ts';
import type { House } from './house.ts';
import { decodeLiveMandate, encodeMandate } from './mandate.ts';
import { type Answer, verb } from './methods.ts';

const MAX_CAUSE = KIB;

export function sessionAnswers({
  verbs: { sessions },
  now,
}: House): Readonly<Record<keyof typeof SessionService.method, Answer>> {
  const { method } = SessionService;
  return {
    openSession: verb(method.openSession, async (pep, { mandate, openKey }) => {
      const key = optionalId(openKey, 'open_key');
      const live = decodeLiveMandate(mandate, 'mandate', now());
      return { session: encodeSession(await sessions.open(pep, live, key === '' ? undefined : key)) };
    }),
    getSession: verb(method.getSession, async (pep, { sessionId }) => ({
      session: encodeSession(await sessions.get(pep, requireId(sessionId, 'session_id'))),
    })),
    listSessions: verb(method.listSessions, async (pep, request) => {
      const listed = await sessions.list(pep, page(request));
      return { sessions: listed.sessions.map(encodeSession), nextPageToken: listed.nextToken };
    }),
    amendSession: verb(method.amendSession, async (pep, { sessionId, mandate }) => {
      const id = requireId(sessionId, 'session_id');
      return {
        session: encodeSession(await sessions.amend(pep, id, decodeLiveMandate(mandate, 'mandate', now()))),
      };
    }),
    closeSession: verb(method.closeSession, async (pep, { sessionId }) => ({
      session: encodeSession(await sessions.close(pep, requireId(sessionId, 'session_id'))),
    })),
    suspendSession: verb(method.suspendSession, async (pep, { sessionId, cause }) => {
      const id = requireId(sessionId, 'session_id');
      return {
        session: encodeSession(await sessions.suspend(pep, id, atMostBytes(cause, 'cause', MAX_CAUSE))),
      };
    }),
    resumeSession: verb(method.resumeSession, async (pep, { sessionId }) => ({
      session: encodeSession(await sessions.resume(pep, requireId(sessionId, 'session_id'))),
    })),
  };
}

const STATES: Readonly<Record<SessionState, WireSessionState>> = {
  open: WireSessionState.OPEN,
  suspended: WireSessionState.SUSPENDED,
  closed: WireSessionState.CLOSED,
};

/** A mandate without its own subject or actor shows the pair that the first ask bound. */
function encodeSession(view: SessionView): MessageInitShape<typeof SessionSchema> {
  const { subject, actor } = view;
  return {
    id: view.id,
    state: STATES[view.state],
    mandate: encodeMandate({ ...view.mandate, ...(subject && { subject }), ...(actor && { actor }) }),
    openTime: timestampFromMs(view.openedAt),
    steps: BigInt(view.steps),
    denials: BigInt(view.denials),
    spent: { ...view.spent },
    remaining: { ...view.remaining },
    recent: view.recent.map(({ action, effect, code, at }) => ({
      action,
      effect,
      code,
      time: timestampFromMs(at),
    })),
    version: BigInt(view.head.version),
    digest: view.head.digest,
    mandateDigest: view.mandateDigest,
  };
}
