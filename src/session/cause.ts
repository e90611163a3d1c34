import type { Answer } from '../model/decision.ts';
import type { Trail } from '../model/facts.ts';
import { canonicalJson } from '../model/json.ts';
import type { SessionKeys } from './keys.ts';
import { logName } from './store.ts';

/**
 * The answer with a cause id, unless it is an allow or has one from its commit: refusals before the session was
 * entered, stateless asks and dry runs. Where the ask names a session, the id is the one that a commit gives for the
 * same action and reason; otherwise it stands for the key to open with, or for the enforcement point and the caller as
 * far as they are known. Never for the credential, which is a fresher one in each retry.
 */
export function nameCause(trail: Trail, answer: Answer, keys: SessionKeys): Answer {
  if (answer.effect === 'allow' || answer.causeId !== undefined) return answer;
  const causeId = keys.causeId(placeOf(trail), trail.ask.action, answer.reasons[0]?.code ?? '');
  return { ...answer, causeId };
}

/** No two kinds of place share a text: a log's name begins with a letter, the others are JSON. */
function placeOf({ ask, session, caller }: Trail): string {
  const { tenant, id } = ask.pep;
  if (session !== undefined && session !== null) return logName({ tenant, session: session.id });
  if (ask.session.kind === 'id') return logName({ tenant, session: ask.session.id });
  if (ask.session.kind === 'open') return canonicalJson([tenant, id, 'open', ask.session.key]);
  const { subject, actor } = caller ?? {};
  return canonicalJson([
    tenant,
    id,
    'none',
    subject?.iss ?? '',
    subject?.id ?? '',
    actor?.iss ?? '',
    actor?.id ?? '',
  ]);
}
