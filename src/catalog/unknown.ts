import type { Ask } from '../model/ask.ts';
import type { Action, CatalogEntry } from '../model/catalog.ts';
import { quoteJson } from '../model/json.ts';
import { Refusal } from '../model/refusal.ts';
import { boundedTree } from './argument.ts';
import { identityValue, resourceIdentity } from './identity.ts';
import { DEFAULT_MAX_LENGTH } from './parse.ts';
import { noteScalars, type Scalars, stepInto } from './scalars.ts';

/** The strictest reading there is: an action of which the operator has said nothing. */
const UNKNOWN_ENTRY: CatalogEntry = {
  class: 'code',
  stateless: false,
  arguments: new Map(),
  identity: [],
  output: { default: 'free_text', fields: new Map() },
};

/** Arguments that an unknown action may carry: each is traced, and tracing is not free. */
const MAX_ARGUMENTS = 64;

/**
 * Reads an action without an entry: each argument within the default length, as text or as a tree of depth 4.
 * @throws Refusal action.malformed, action.argument_too_long
 */
export function readUnknown(ask: Ask): Action {
  const names = Object.keys(ask.args).sort();
  if (names.length > MAX_ARGUMENTS) throw new Refusal('action.malformed', { max_arguments: MAX_ARGUMENTS });
  const scalars: Scalars = { values: [], weighty: [] };
  const members: string[] = [];
  const identity: string[] = [];
  for (const name of names) {
    const value = ask.args[name];
    if (value === undefined) continue;
    const label = `${quoteJson(name)}:`;
    members.push(label + boundedTree(name, value, DEFAULT_MAX_LENGTH));
    const text = identityValue(value, undefined);
    if (text !== undefined) identity.push(label + text);
    noteScalars(scalars, stepInto('', name), value, 'unknown');
  }
  return {
    name: ask.action,
    class: UNKNOWN_ENTRY.class,
    known: false,
    stateless: false,
    effectful: true,
    entry: UNKNOWN_ENTRY,
    resource: ask.resource,
    args: ask.args,
    policyArgs: `{${members.join(',')}}`,
    identity: `[${quoteJson(ask.action)},{${identity.join(',')}}${resourceIdentity(ask.resource)}]`,
    values: scalars.values,
    weighty: scalars.weighty,
  };
}
