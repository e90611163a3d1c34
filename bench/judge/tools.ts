/** Reads what is known of the tools of a suite. docs/judging.md has the form. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Members, parseValue } from './members.ts';

const MAX_SUITES = 100;
const MAX_TOOLS = 1000;
const MAX_PARAMETERS = 200;
const MAX_TEXT = 16 * 1024;
const MAX_NAME = 64;
const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;

export interface Parameter {
  /** As its author wrote it: `string`, `number|null`, `array of string`; empty where it is not known. */
  readonly type: string;
  readonly required: boolean;
}

/** A tool as `tools.json` describes it. */
export interface Tool {
  readonly params: ReadonlyMap<string, Parameter>;
  readonly effect: string;
  readonly destinationParams: readonly string[];
  readonly otherSensitiveParams: readonly string[];
  /** Where somebody else's text stands in the output: `[].body`, `whole output`; null: nowhere. */
  readonly outputCarriesInjection: string | null;
  readonly outputSystemOfRecord: boolean;
}

export type Tools = ReadonlyMap<string, Tool>;

/** Tools by suite, then by name. @throws Unreadable naming file and field */
export function readTools(path: string): ReadonlyMap<string, Tools> {
  const place = { file: basename(path) };
  const file = new Members(parseValue(readFileSync(path, 'utf8'), place), place);
  return new Map(file.names(MAX_SUITES).map((suite) => [suite, toolsOf(file.inside(suite))]));
}

function toolsOf(suite: Members): Tools {
  const tools = new Map<string, Tool>();
  for (const name of suite.names(MAX_TOOLS)) {
    if (!NAME.test(name)) suite.fail(name, 'is not a tool name');
    tools.set(name, toolOf(suite.inside(name)));
  }
  return tools;
}

function toolOf(tool: Members): Tool {
  return {
    params: parametersOf(tool.inside('params')),
    effect: tool.text('effect', MAX_TEXT),
    destinationParams: namesIn(tool, 'destinationParams'),
    otherSensitiveParams: namesIn(tool, 'otherSensitiveParams'),
    outputCarriesInjection: tool.textOrNull('outputCarriesInjection', MAX_TEXT),
    outputSystemOfRecord: tool.flag('outputSystemOfRecord'),
  };
}

function parametersOf(params: Members): ReadonlyMap<string, Parameter> {
  const parameters = new Map<string, Parameter>();
  for (const name of params.names(MAX_PARAMETERS)) {
    if (!NAME.test(name)) params.fail(name, 'is not a parameter name');
    const parameter = params.inside(name);
    parameters.set(name, {
      type: parameter.has('type') ? parameter.text('type', MAX_TEXT) : '',
      required: parameter.has('required') && parameter.flag('required'),
    });
  }
  return parameters;
}

/** A name that is no parameter would be a destination that nobody watches. */
function namesIn(tool: Members, name: string): readonly string[] {
  if (!tool.has(name)) return [];
  const params = tool.inside('params');
  const names = tool.texts(name, MAX_PARAMETERS);
  for (const each of names)
    if (!params.has(each)) tool.fail(name, `names \`${each.slice(0, MAX_NAME)}\`, which is no parameter`);
  return names;
}
