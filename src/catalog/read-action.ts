import type { Ask } from '../model/ask.ts';
import type { Action, ArgumentEntry, CatalogEntry } from '../model/catalog.ts';
import { quoteJson } from '../model/json.ts';
import { Refusal } from '../model/refusal.ts';
import { policyArgument } from './argument.ts';
import { identityValue, resourceIdentity } from './identity.ts';
import type { Catalog } from './parse.ts';
import { noteScalars, type Scalars } from './scalars.ts';
import { readUnknown } from './unknown.ts';

interface Slot {
  readonly name: string;
  /** `"name":` */
  readonly label: string;
  readonly entry: ArgumentEntry;
}

/** One catalog entry as the hot path wants it: sorted for canonical output, nothing left to look up. */
interface Compiled {
  readonly entry: CatalogEntry;
  readonly effectful: boolean;
  readonly slots: readonly Slot[];
  /** Undefined for reads. */
  readonly identity: readonly Slot[] | undefined;
  /** Where the catalog lists no identity, the resource tells two acts apart as well. */
  readonly withResource: boolean;
  /** `["name"` */
  readonly identityHead: string;
}

/**
 * Prepares every entry once and returns the station that reads an ask by them. Unknown actions are read as
 * class `code` with every scalar weighty.
 * @returns a function that throws Refusal action.argument_missing, _unknown, _type, _too_long or action.malformed
 */
export function createActionReader(catalog: Catalog): (ask: Ask) => Action {
  const table = new Map<string, Compiled>();
  for (const [name, entry] of catalog) table.set(name, compile(name, entry));
  return (ask) => {
    const compiled = table.get(ask.action);
    return compiled === undefined ? readUnknown(ask) : readKnown(ask, compiled);
  };
}

function compile(name: string, entry: CatalogEntry): Compiled {
  const slots = [...entry.arguments]
    .map(([argument, argumentEntry]) => ({
      name: argument,
      label: `${quoteJson(argument)}:`,
      entry: argumentEntry,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const listed = slots.filter((slot) => entry.identity.includes(slot.name));
  const reads = entry.class === 'read' || entry.class === 'personal_read';
  return {
    entry,
    effectful: entry.class !== 'read' || slots.some((slot) => slot.entry.role === 'destination'),
    slots,
    identity: reads ? undefined : listed.length === 0 ? slots : listed,
    withResource: listed.length === 0,
    identityHead: `[${quoteJson(name)}`,
  };
}

function readKnown(ask: Ask, compiled: Compiled): Action {
  const { args } = ask;
  const scalars: Scalars = { values: [], weighty: [] };
  let policyArgs = '{';
  let present = 0;
  for (const { name, label, entry } of compiled.slots) {
    const value = Object.hasOwn(args, name) ? args[name] : undefined;
    if (value === undefined) {
      if (entry.required) throw new Refusal('action.argument_missing', { argument: name });
      continue;
    }
    policyArgs += `${present === 0 ? '' : ','}${label}${policyArgument(name, value, entry)}`;
    present += 1;
    noteScalars(scalars, name, value, entry.role);
  }
  const names = Object.keys(args);
  if (names.length !== present) throw unknownArgument(names, compiled.entry);
  const { class: actionClass, stateless } = compiled.entry;
  return {
    name: ask.action,
    class: actionClass,
    known: true,
    stateless,
    effectful: compiled.effectful,
    entry: compiled.entry,
    resource: ask.resource,
    args,
    policyArgs: `${policyArgs}}`,
    identity: identityOf(ask, compiled),
    values: scalars.values,
    weighty: scalars.weighty,
  };
}

function identityOf(ask: Ask, compiled: Compiled): string | undefined {
  if (compiled.identity === undefined) return undefined;
  let members = '';
  for (const { name, label, entry } of compiled.identity) {
    const text = identityValue(Object.hasOwn(ask.args, name) ? ask.args[name] : undefined, entry.type);
    if (text !== undefined) members += `${members === '' ? '' : ','}${label}${text}`;
  }
  return `${compiled.identityHead},{${members}}${compiled.withResource ? resourceIdentity(ask.resource) : ''}]`;
}

function unknownArgument(names: readonly string[], entry: CatalogEntry): Refusal {
  const extra = names.find((name) => !entry.arguments.has(name)) ?? '';
  return new Refusal('action.argument_unknown', { argument: extra.slice(0, 128) });
}
