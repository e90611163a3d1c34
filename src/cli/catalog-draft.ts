import { renameSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { type Draft, draftEntries, type Mark } from '../catalog/draft/draft.ts';
import { readTools, type ToolList } from '../catalog/draft/read-tools.ts';
import { type Catalog, parseCatalog } from '../catalog/parse.ts';
import { JsonError, type JsonValue, parseJson } from '../model/json.ts';
import { Malformed } from '../model/refusal.ts';
import { readBytes } from './arguments.ts';
import { addToCatalog, catalogText } from './catalog-text.ts';
import { type CommonOptions, command, run } from './command.ts';
import { EXIT, UsageError } from './exit.ts';
import { print, shown, table } from './output.ts';

const EXAMPLE = `npx assent catalog draft tools.json --out catalog.json
npx assent catalog draft more-tools.json --catalog catalog.json --out catalog.json
curl -s … | npx assent catalog draft - --json`;

const NOTES = `
The tools: an MCP tools/list result, a list of functions with parameters, one JSON Schema with a title, or an object of
name and JSON Schema. The catalog goes to stdout, what to look at to stderr; with --out, to the file and to stdout.
Every guess stands in the entry's "guess", with its reason, until you take it out; a server warns of those left at
each start. Names, descriptions and hints are the tool's own words about itself: hints can only make a guess stricter.
Entries of --catalog stay as they are, to the letter.`;

/** Larger than any tool list, and small enough to be read at once. */
const MAX_BYTES = 8 * 1024 * 1024;
const MAX_DEPTH = 64;

interface Options extends CommonOptions {
  readonly catalog?: string;
  readonly out?: string;
}

/** What is drafted, and what was there before it. */
interface Result extends Draft {
  readonly text: string;
  /** Actions of the list that the catalog holds already. */
  readonly kept: readonly string[];
  readonly unfinished: boolean;
}

export function catalogDraftCommand(): Command {
  return command(
    'draft',
    'propose catalog entries for the tools of a list, and mark what was guessed',
    EXAMPLE,
  )
    .argument('<tools>', 'file with the tools, or `-` for stdin')
    .option('--catalog <file>', 'catalog to add to; what it says of an action stays')
    .option('--out <file>', 'where to write the catalog; an existing file only where --catalog names it too')
    .addHelpText('after', NOTES)
    .action(
      run(async (tools: string, { json, catalog, out }: Options) => {
        const result = drafted(readList(tools), catalog);
        if (out !== undefined) writeCatalog(out, result.text, out === catalog);
        const lines = reportLines(result, out);
        if (json === true) print(json, asJson(result), []);
        else if (out !== undefined) print(json, {}, lines);
        else {
          process.stdout.write(result.text);
          process.stderr.write(`${lines.join('\n')}\n`);
        }
        return EXIT.ok;
      }),
    );
}

function readList(path: string): ToolList {
  return reading(path, () => readTools(parsed(readBounded(path))));
}

function drafted({ tools, unfinished }: ToolList, path: string | undefined): Result {
  const before = path === undefined ? undefined : readCatalog(path);
  const stands = (name: string): boolean => before?.actions.has(name) === true;
  const kept = tools.map(({ name }) => name).filter(stands);
  const draft = draftEntries(tools.filter(({ name }) => !stands(name)));
  const text = before === undefined ? catalogText(draft.actions) : addToCatalog(before.text, draft.actions);
  // What goes out is what a server would take: a draft that it refuses would be found out too late.
  parseCatalog(parseJson(text, { maxDepth: MAX_DEPTH }));
  return { ...draft, text, kept, unfinished };
}

function readCatalog(path: string): { readonly text: string; readonly actions: Catalog } {
  return reading(path, () => {
    const bytes = readBounded(path);
    // Parsing has refused what is not UTF-8.
    return { actions: parseCatalog(parsed(bytes)), text: Buffer.from(bytes).toString('utf8') };
  });
}

function readBounded(path: string): Uint8Array {
  const bytes = readBytes(path);
  if (bytes.byteLength > MAX_BYTES) throw new UsageError(`\`${path}\` has more than ${MAX_BYTES} bytes`);
  return bytes;
}

function parsed(bytes: Uint8Array): JsonValue {
  return parseJson(bytes, { maxDepth: MAX_DEPTH });
}

/** Complaints name the file beside the place in it. */
function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof JsonError)
      throw new UsageError(
        shown(`\`${path}\`${cause.path === '' ? '' : ` at \`${cause.path}\``} ${cause.message}`),
      );
    if (cause instanceof Malformed) throw new UsageError(shown(`\`${path}\`: ${cause.message}`));
    throw cause;
  }
}

function writeCatalog(path: string, text: string, replace: boolean): void {
  try {
    // A catalog that somebody has read through is not to be lost to a slip, nor to a crash.
    writeFileSync(replace ? `${path}.new` : path, text, { flag: replace ? 'w' : 'wx' });
    if (replace) renameSync(`${path}.new`, path);
  } catch (cause) {
    const exists = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
    if (exists)
      throw new UsageError(`--out \`${path}\` is there already: name it with --catalog to add to it`);
    throw new Error(`--out \`${path}\` cannot be written`, { cause });
  }
}

function asJson({ text, marks, kept, leftOut, unfinished }: Result): object {
  return { catalog: JSON.parse(text) as object, guesses: marks, kept, left_out: leftOut, unfinished };
}

function reportLines(
  { actions, marks, kept, leftOut, unfinished }: Result,
  out: string | undefined,
): readonly string[] {
  const doubts = marks.filter(({ confidence }) => confidence === 'doubtful');
  return [
    ...table(doubts.map(({ action, path, value, why }: Mark) => [action, path, value, why])),
    ...leftOut.map(({ action, why }) =>
      shown(`${action}: left out, it ${why}; without an entry it is of class code`),
    ),
    ...kept.map((action) => shown(`${action}: is in the catalog, and stays as it is`)),
    ...(unfinished ? ['the list says that it goes on: its other pages were not read'] : []),
    `${out === undefined ? '' : `${shown(out)}: `}${actions.size} drafted, ${marks.length} guesses in them, ${doubts.length} doubtful; check each, and take it out of \`guess\``,
  ];
}
