import { type Draft, type DraftedEntry, draftEntries } from '../../../src/catalog/draft/draft.ts';
import { readTools, type Tool } from '../../../src/catalog/draft/read-tools.ts';
import { type JsonObject, type JsonValue, parseJson } from '../../../src/model/json.ts';

/** Tools as the command reads them: through the strict parser. */
export function toolsOf(json: unknown): readonly Tool[] {
  return readTools(parsed(json)).tools;
}

export function parsed(json: unknown): JsonValue {
  return parseJson(JSON.stringify(json), { maxDepth: 64 });
}

export function draftOf(json: unknown): Draft {
  return draftEntries(toolsOf(json));
}

/** The entry drafted for one tool. */
export function entryOf(tool: JsonObject): DraftedEntry {
  const [entry] = draftOf([tool]).actions.values();
  if (entry === undefined) throw new Error('was left out');
  return entry;
}

/** A tool of this name whose arguments are all texts. */
export function toolOf(name: string, args: readonly string[] = [], more: JsonObject = {}): JsonObject {
  const properties = Object.fromEntries(args.map((argument) => [argument, { type: 'string' }]));
  return { name, inputSchema: { type: 'object', properties }, ...more };
}
