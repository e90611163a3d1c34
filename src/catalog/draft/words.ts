/** Characters of a name or phrase that are looked at; whoever wrote it may have written any number. */
const LONGEST = 200;

/** `getURLContent`, `get_url-content` and `get.url/content` alike, in lower case. */
export function wordsOf(name: string): readonly string[] {
  return name
    .slice(0, LONGEST)
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
}

/** The words of a tool's own name, without the server or service that it stands under. */
export function ownWordsOf(name: string): readonly string[] {
  const segments = name.split(/__|[.:/]/).map(wordsOf);
  return segments.findLast((words) => words.length > 0) ?? [];
}

/** Meaning by word. Written as lists of words, one list a meaning. */
export type Table<T extends string> = ReadonlyMap<string, T>;

export function tableOf<const T extends string>(lists: Readonly<Record<T, string>>): Table<T> {
  const table = new Map<string, T>();
  for (const meaning of Object.keys(lists) as T[])
    for (const word of lists[meaning].split(/\s+/)) if (word !== '') table.set(word, meaning);
  return table;
}

/** What a table says of a word, or of it without the ending of a plural or a third person. */
export function findWord<T extends string>(word: string, table: Table<T>): T | undefined {
  for (const stem of [word, word.replace(/ies$/, 'y'), word.replace(/s$/, ''), word.replace(/es$/, '')]) {
    const found = table.get(stem);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `A list of the …`: what follows is what it is about. */
const COLLECTION = /^(?:the |an? )?(?:comma[- ]separated |optional )*(?:lists?|arrays?|sets?) (?:of|with) /i;
/** Begins the rest of a phrase, which says something of the thing and not what it is. */
const REST =
  /\b(?:of|to|for|where|that|which|whose|who|in|on|from|at|as|by|if|is|are|must|should|will|when|used|being)\b|[.,;:()\n]/i;
const FILLING: Table<'filling'> = tableOf({
  filling: 'the a an new optional required name target your all full current given',
});

/** What a description is about, by its first phrase: `The IBAN of the recipient` is about an `iban`. */
export function subjectOf(description: string): string | undefined {
  const [phrase = ''] = description.slice(0, LONGEST).replace(COLLECTION, '').split(REST);
  return wordsOf(phrase).findLast((word) => !FILLING.has(word));
}
