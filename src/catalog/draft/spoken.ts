import type { ActionClass } from '../../model/catalog.ts';
import { doubtful, type Guessed } from './guess.ts';
import { ALSO_THINGS, VERBS } from './verbs.ts';
import { findWord, wordsOf } from './words.ts';

/** After a verb, and not after the thing of the same name: `Lists the …`, but `List of …`. */
const OBJECT_FOLLOWS =
  /^(?:a|an|the|this|that|these|given|all|any|some|your|one|new|multiple|several|for|through)$/;
/** `it also sends`, `will then delete`, `and permanently removes`. */
const ASIDE =
  /\b(?:also|automatically|then|will|and)\s+(?:(?:also|then|will)\s+|[a-z]+ly\s+)*([a-z]+)\b(?:\s+([a-z]+))?/gi;
const PASSIVE =
  /\bwill (?:also |then )?(?:be|get) (sent|emailed|mailed|notified|shared|published|posted|charged|billed|paid|deleted|removed|cancell?ed|erased|executed|run)\b/gi;

const DONE: ReadonlyMap<string, ActionClass> = new Map([
  ...[
    'sent',
    'emailed',
    'mailed',
    'notified',
    'shared',
    'published',
    'posted',
    'charged',
    'billed',
    'paid',
  ].map((word) => [word, 'external'] as const),
  ...['deleted', 'removed', 'cancelled', 'canceled', 'erased'].map((word) => [word, 'destructive'] as const),
  ...['executed', 'run'].map((word) => [word, 'code'] as const),
]);

/** What comes before the verb in `This tool sends …`, `Use this to send …`, `Allows you to send …`. */
const OPENING =
  /^(?:(?:this|the|a)\s+)?(?:(?:tool|function|action|endpoint|method|api|command)\s+)?(?:(?:use|used|allows?|lets?|enables?|can|may|will|that)\s+)*(?:(?:this|it|tool|function|you|users?|agents?)\s+)*(?:to\s+|for\s+)?/i;

/**
 * What a description says that the tool does: the verb that it begins with first, then what it does besides.
 * Sentences that tell a model how to use the tool are left alone where they begin with an order.
 */
export function spokenIn(description: string): readonly Guessed<ActionClass>[] {
  const [first, second] = wordsOf(description.slice(0, 160).replace(OPENING, ''));
  const found = [said(first, second)];
  for (const [, word, next] of description.matchAll(ASIDE)) found.push(said(word, next));
  for (const [, word = ''] of description.matchAll(PASSIVE)) {
    const done = DONE.get(word.toLowerCase());
    if (done !== undefined) found.push(doubtful(done, `\`${word.toLowerCase()}\` in its description`));
  }
  return found.filter((each) => each !== undefined);
}

function said(word = '', next = ''): Guessed<ActionClass> | undefined {
  const verb = findWord(word.toLowerCase(), VERBS);
  if (verb === undefined) return undefined;
  if (findWord(word.toLowerCase(), ALSO_THINGS) !== undefined && !OBJECT_FOLLOWS.test(next.toLowerCase()))
    return undefined;
  return doubtful(verb, `\`${word.toLowerCase().slice(0, 32)}\` in its description`);
}
