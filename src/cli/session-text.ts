import type { SessionView } from '../client/client.ts';
import { table, timeText } from './output.ts';

/** A session in lines for people. */
export function sessionLines(session: SessionView): string[] {
  const { mandate, subject, actor, spent, remaining } = session;
  const budgets = Object.keys({ ...remaining, ...spent }).map(
    (budget) => `${budget}: ${spent[budget] ?? '0'} spent, ${remaining[budget] ?? '0'} left`,
  );
  const rows: (readonly [string, string])[] = [
    ['session', session.id],
    ['state', session.state],
    ['task', `${mandate.taskType}${mandate.purpose === '' ? '' : `: ${mandate.purpose}`}`],
    ['actions', mandate.actions.join(', ')],
    ['subject', subject?.id ?? '-'],
    ['actor', actor?.id ?? '-'],
    ['opened', timeText(session.openedAt)],
    ['expires', timeText(mandate.expiresAt)],
    ['steps', `${session.steps}, ${session.denials} denied`],
    ...budgets.map((budget) => ['budget', budget] as const),
    ['mandate digest', session.mandateDigest],
  ];
  const steps = session.recent.map(({ at, effect, action, code }) => [timeText(at), effect, action, code]);
  return [...table(rows), ...(steps.length === 0 ? [] : ['', ...table(steps)])];
}
