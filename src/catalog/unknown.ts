import type { Ask } from '../model/ask.ts';
import type { Action, CatalogEntry } from '../model/catalog.ts';
import { quoteJson } from '../model/json.ts';
import { Refusal } from '../model/refusal.ts';
import { bounded, boundedTree } from './argument.ts';
import { identityValue, resourceIdentity } from './identity.ts';
import { DEFAULT_MAX_LENGTH } from './parse.ts';
import { noteName, noteScalars, type Scalars, stepInto } from './scalars.ts';

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
 * Reads an action without an entry: each argument within the default length, as text or as a tree of depth 4, and
 * its name too. Names are the asker's like values, at any depth: a tool may read a destination from either.
 * @throws Refusal action.malformed, action.argument_too_long
 */
export function readUnknown(ask: Ask): Action {
  const names = Object.keys(ask.args).sort();
  if (names.length > MAX_ARGUMENTS) throw new Refusal('action.malformed', { max_arguments: MAX_ARGUMENTS });
  const scalars: Scalars = { values: [], weighty: [] };
  const members: string[] = [];
  for (const name of names) {
    const value = ask.args[name];
    if (value === undefined) continue;
    members.push(`${quoteJson(name)}:${boundedTree(name, value, DEFAULT_MAX_LENGTH)}`);
    const path = stepInto('', bounded(name, name, DEFAULT_MAX_LENGTH));
    noteName(scalars, path, name);
    noteScalars(scalars, path, value, 'unknown');
  }
  const identity = identityValue(ask.args, undefined) ?? '{}';
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
    identity: `[${quoteJson(ask.action)},${identity}${resourceIdentity(ask.resource)}]`,
    values: scalars.values,
    weighty: scalars.weighty,
  };
}
