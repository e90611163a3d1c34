/** The session verbs: each changes the session's log, then seals who did it. */

import type { Pep } from './model/ask.ts';
import type { SessionVerbs, SessionView } from './model/verbs.ts';

export type SessionEvent = 'open' | 'amend' | 'close' | 'suspend' | 'resume';

/** Who did what to which session; sealed like a decision. */
export interface SessionEventRecord {
  readonly event: SessionEvent;
  readonly pep: Pep;
  readonly view: SessionView;
}

/**
 * A crash between the change and its record leaves the change in the session's log, where it names who made it; the
 * caller, unanswered, asks again, and that is sealed.
 */
export function sealSessionVerbs(
  verbs: SessionVerbs,
  seal: (event: SessionEventRecord) => Promise<void>,
): SessionVerbs {
  const sealed = async (event: SessionEvent, pep: Pep, done: Promise<SessionView>): Promise<SessionView> => {
    const view = await done;
    await seal({ event, pep, view });
    return view;
  };
  return {
    get: verbs.get,
    list: verbs.list,
    open: (pep, mandate, openKey) => sealed('open', pep, verbs.open(pep, mandate, openKey)),
    amend: (pep, id, mandate) => sealed('amend', pep, verbs.amend(pep, id, mandate)),
    close: (pep, id) => sealed('close', pep, verbs.close(pep, id)),
    suspend: (pep, id, cause) => sealed('suspend', pep, verbs.suspend(pep, id, cause)),
    resume: (pep, id) => sealed('resume', pep, verbs.resume(pep, id)),
  };
}
