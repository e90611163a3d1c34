/**
 * Ids of sessions may begin with `-`: one in 64 did, before they were kept from it. A word in the form of such an id is
 * never taken for an option, wherever it stands, unless it is the name of one.
 */
import type { Command } from 'commander';

const DASHED_ID = /^-[A-Za-z0-9_-]{21}$/;
/** Put before such a word until commander is done with it: no word of a command line can hold it. */
const MARK = '\0';

/** Runs the program with `argv`, as node gives it. */
export async function parseWithIds(program: Command, argv: readonly string[]): Promise<void> {
  program.hook('preAction', (_, action) => {
    action.processedArgs = action.processedArgs.map(unmarked);
    for (const [name, value] of Object.entries(action.opts()))
      action.setOptionValueWithSource(name, unmarked(value), action.getOptionValueSource(name));
  });
  const names = longNames(program);
  await program.parseAsync(
    argv.map((word) => (DASHED_ID.test(word) && !names.has(word) ? MARK + word : word)),
  );
}

/** What commander says, as the user typed it. */
export function withoutMarks(text: string): string {
  return text.replaceAll(MARK, '');
}

function unmarked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unmarked);
  return typeof value === 'string' ? withoutMarks(value) : value;
}

function longNames(command: Command): ReadonlySet<string> {
  const own = command.options.flatMap(({ long }) => (long == null ? [] : [long]));
  return new Set([...own, ...command.commands.flatMap((inner) => [...longNames(inner)])]);
}
