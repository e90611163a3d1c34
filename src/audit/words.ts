import { canonicalJson, quoteJson } from '../model/json.ts';
import type { Session } from '../model/session.ts';
import { commitmentText, commitTo } from './commitment.ts';
import type { CommitmentOpening } from './log.ts';
import { findMember, replaceMembers } from './members.ts';

/** The user's own words of one mandate, as policy saw them and as records show them. */
interface CommittedWords {
  readonly purpose: string;
  /** Where they stand in policy's input: `,"task":{"declared":…,"purpose":…`. */
  readonly judged: string;
  readonly shown: string;
  /** One list for as long as the mandate stays in memory: the log writes it once a segment. */
  readonly openings: readonly CommitmentOpening[];
}

type Task = Pick<Session['task'], 'declared' | 'purpose'>;

// By its declared values, which a mandate keeps for as long as it is in memory: every ask of a session comes with the
// same words, and committing to them again would cost more than the rest of the record.
const committed = new WeakMap<Task['declared'], CommittedWords>();

/** What follows the words in policy's input: what stands before it is no value inside another one. */
const AFTER_WORDS = /^,"state":"[a-z]+","type":"[^"\\]*"\},"time":\{"unix_ms":[0-9]+\}\}$/;

/**
 * Purpose and declared values as salted commitments; the names of declared values stay.
 * @param rest what follows the arguments in policy's input, from the comma on: `task` sorts after `args`
 * @param task what policy was told of the mandate; its openings are `shared`, the same list with every ask
 * @param openings takes the others, where nothing is known of the mandate
 */
export function hideWords(
  rest: string,
  task: Task | undefined,
  openings: CommitmentOpening[],
): { readonly text: string; readonly shared?: readonly CommitmentOpening[] } {
  if (task !== undefined) {
    const { judged, shown, openings: shared } = commitToWords(task);
    const start = rest.lastIndexOf(judged);
    const after = rest.slice(start + judged.length);
    if (start !== -1 && AFTER_WORDS.test(after))
      return { text: rest.slice(0, start) + shown + after, shared };
  }
  // Written in another way than expected, if at all: looked for member by member, so that no word stays in clear.
  const found = findMember(rest, 'task');
  if (found === undefined) return { text: rest };
  const hidden = hideIn(rest.slice(found.start, found.end), openings);
  return { text: rest.slice(0, found.start) + hidden + rest.slice(found.end) };
}

function commitToWords({ declared, purpose }: Task): CommittedWords {
  const known = committed.get(declared);
  if (known?.purpose === purpose) return known;
  const openings: CommitmentOpening[] = [];
  const task = `{"declared":${canonicalJson(declared)},"purpose":${quoteJson(purpose)}`;
  const shown = `,"task":${hideIn(`${task}}`, openings).slice(0, -1)}`;
  const words = { purpose, judged: `,"task":${task}`, shown, openings };
  committed.set(declared, words);
  return words;
}

function hideIn(task: string, openings: CommitmentOpening[]): string {
  const hide = (value: string): string => {
    const opening = commitTo(value);
    openings.push(opening);
    return commitmentText(opening);
  };
  if (!task.startsWith('{')) return task === 'null' ? task : hide(task);
  return replaceMembers(task, (name, value) => {
    if (name === '"purpose"') return hide(value);
    if (name !== '"declared"') return undefined;
    return value.startsWith('{') ? replaceMembers(value, (_, declared) => hide(declared)) : hide(value);
  });
}
