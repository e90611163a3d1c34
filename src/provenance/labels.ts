import { type CatalogEntry, isForeign, type Writer } from '../model/catalog.ts';

/**
 * An output's labels by field. A field without one of its own has that of the field around it. A tree and not
 * dotted text, so that a member that somebody else named `vendor.account` never passes for the real field.
 */
export interface Label {
  readonly writer: Writer;
  /** Somewhere in it may stand words of somebody who is neither a system nor the agent itself. */
  readonly foreign: boolean;
  /** Somewhere in it a system's field vouches for what stands there. */
  readonly vouches: boolean;
  readonly fields: ReadonlyMap<string, Label>;
}

interface Growing {
  writer: Writer | undefined;
  readonly fields: Map<string, Growing>;
}

const compiled = new WeakMap<CatalogEntry, Label>();

/** Somebody else's words through and through: what a tool without an entry returns. */
export const UNLABELLED: Label = plainLabel('free_text');

const PLAIN: Readonly<Record<Writer, Label>> = {
  self: plainLabel('self'),
  system: plainLabel('system'),
  counterparty: plainLabel('counterparty'),
  free_text: UNLABELLED,
};

/** One writer for whatever stands there. */
export function labelOf(writer: Writer): Label {
  return PLAIN[writer];
}

function plainLabel(writer: Writer): Label {
  return { writer, foreign: isForeign(writer), vouches: writer === 'system', fields: new Map() };
}

/** The labels of an entry, built once for each. */
export function labelsOf(entry: CatalogEntry | undefined): Label {
  if (entry === undefined) return UNLABELLED;
  let label = compiled.get(entry);
  if (label === undefined) {
    label = compileLabels(entry);
    compiled.set(entry, label);
  }
  return label;
}

function compileLabels(entry: CatalogEntry): Label {
  const root: Growing = { writer: entry.output.default, fields: new Map() };
  for (const [path, writer] of entry.output.fields) {
    let node = root;
    for (const step of path.split('.')) {
      let next = node.fields.get(step);
      if (next === undefined) {
        next = { writer: undefined, fields: new Map() };
        node.fields.set(step, next);
      }
      node = next;
    }
    node.writer = writer;
  }
  return settle(root, entry.output.default);
}

function settle(node: Growing, inherited: Writer): Label {
  const writer = node.writer ?? inherited;
  const fields = new Map<string, Label>();
  for (const [name, field] of node.fields) fields.set(name, settle(field, writer));
  const inside = [...fields.values()];
  return {
    writer,
    foreign: isForeign(writer) || inside.some(({ foreign }) => foreign),
    vouches: writer === 'system' || inside.some(({ vouches }) => vouches),
    fields,
  };
}
