import type { Action, CatalogEntry } from '../model/catalog.ts';
import type { Trail } from '../model/facts.ts';
import { canonicalJson, type JsonValue, quoteJson } from '../model/json.ts';
import { commitmentText, commitTo } from './commitment.ts';
import type { CommitmentOpening } from './log.ts';
import { findMember, replaceMembers, replaceValues } from './members.ts';
import { hideWords } from './words.ts';

/** `judged`: what policy saw; `partial`: what the trail knew when the walk stopped before policy. */
export interface RecordedFacts {
  readonly state: 'judged' | 'partial';
  /** Canonical JSON object. */
  readonly text: string;
  /** The asked resource's id: a JSON string, or a commitment where an argument that is hidden says the same. */
  readonly resourceId: string;
  /** Openings that every record of the same mandate needs. */
  readonly shared?: readonly CommitmentOpening[];
}

/** Canonical value of a committed argument → the commitment that stands for it. */
type Hidden = Map<string, string>;

/** An argument with a longer canonical text, in bytes, stands in the record as a commitment. */
const LONGEST_ARGUMENT = 16_384;

const sensitiveNames = new WeakMap<CatalogEntry, ReadonlySet<string>>();

/**
 * The facts of a record: policy's input word for word, but for arguments that are sensitive, long or of an
 * action the catalog does not know, which become commitments whose openings are added to `openings`; so does
 * the resource's id, and any value of other arguments, resource or claims that says the same as one of them; and so
 * do, always, the task's purpose and declared values. Arguments that no catalog was asked about are left out: nobody
 * can say which of them are sensitive, and the request's digest stands for them.
 */
export function recordedFacts(trail: Trail, openings: CommitmentOpening[]): RecordedFacts {
  const { action, ask, judged } = trail;
  if (action === undefined) return unreadFacts(trail, openings);
  const input = judged?.input;
  const args = input === undefined ? undefined : findMember(input, 'args');
  // Without the place where the arguments stand, hiding all is the only way to hide the right ones.
  if (input !== undefined && args === undefined) return unreadFacts(trail, openings);
  const hidden: Hidden = new Map();
  const hideArgument = (value: string): string => {
    const text = hide(value, openings);
    hidden.set(value, text);
    return text;
  };
  const id = quoteJson(ask.resource.id);
  const show = (written: string): string =>
    hideRepeated(hideArguments(written, action, hideArgument), hidden);
  if (input === undefined || args === undefined) {
    const text = partialFacts(trail, show(action.policyArgs));
    return { state: 'partial', text, resourceId: twinOf(id, hidden) ?? id };
  }
  const shown = show(input.slice(args.start, args.end));
  const rest = hideWords(input.slice(args.end), trail.session?.task, openings);
  const text = input.slice(0, args.start) + shown + hideTwins(rest.text, hidden);
  return { ...rest, state: 'judged', text, resourceId: twinOf(id, hidden) ?? id };
}

/** Facts of an ask whose arguments nobody has read: an id that any of them repeats is hidden as well. */
function unreadFacts(trail: Trail, openings: CommitmentOpening[]): RecordedFacts {
  const { args, resource } = trail.ask;
  const id = quoteJson(resource.id);
  const repeated = Object.values(args).some((value) => {
    const text = canonicalJson(value);
    return text === id || quoteJson(text) === id;
  });
  const resourceId = repeated ? hide(id, openings) : id;
  const input = trail.judged?.input;
  return input === undefined
    ? { state: 'partial', text: partialFacts(trail, undefined), resourceId }
    : { state: 'judged', text: hide(input, openings), resourceId };
}

function partialFacts({ provenance }: Trail, shownArgs: string | undefined): string {
  const members: string[] = [];
  if (shownArgs !== undefined) members.push(`"args":${shownArgs}`);
  if (provenance !== undefined) members.push(`"provenance":${canonicalJson(provenance as JsonValue)}`);
  return `{${members.join(',')}}`;
}

function hideArguments(args: string, { entry, known }: Action, hideOne: (value: string) => string): string {
  const names = sensitiveOf(entry);
  // Three bytes are the most that one UTF-16 unit becomes, so most arguments need no measuring.
  if (known && names.size === 0 && args.length * 3 <= LONGEST_ARGUMENT) return args;
  return replaceMembers(args, (name, value) =>
    !known || names.has(name) || isLong(value) ? hideOne(value) : undefined,
  );
}

/** Most texts repeat none, and this finds out for a fraction of what going through them costs. */
function mayRepeat(text: string, hidden: Hidden): boolean {
  for (const value of hidden.keys()) if (text.includes(bare(value))) return true;
  return false;
}

/** Another argument may be, or hold, the value of a hidden one. */
function hideRepeated(args: string, hidden: Hidden): string {
  if (!mayRepeat(args, hidden)) return args;
  return replaceMembers(args, (_, value) => replaceValues(value, (inner) => twinOf(inner, hidden)));
}

/** Claims and resource may repeat a hidden argument, whole, at any depth. */
function hideTwins(rest: string, hidden: Hidden): string {
  if (!mayRepeat(rest, hidden)) return rest;
  return replaceMembers(rest, (part, text) => {
    if (part !== '"claimed"' && part !== '"resource"') return undefined;
    return replaceMembers(text, (name, value) =>
      part === '"resource"' && name === '"type"'
        ? undefined
        : replaceValues(value, (inner) => twinOf(inner, hidden)),
    );
  });
}

/** The commitment of an argument with this value: a number and its text are the same, as in an id. */
function twinOf(value: string, hidden: Hidden): string | undefined {
  return hidden.get(value) ?? hidden.get(value.startsWith('"') ? bare(value) : `"${value}"`);
}

/** A text without its quotes; any other value as it is. */
function bare(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1) : value;
}

function isLong(value: string): boolean {
  return value.length * 3 > LONGEST_ARGUMENT && Buffer.byteLength(value) > LONGEST_ARGUMENT;
}

function hide(value: string, openings: CommitmentOpening[]): string {
  const opening = commitTo(value);
  openings.push(opening);
  return commitmentText(opening);
}

/** As JSON literals, once for each entry. */
function sensitiveOf(entry: CatalogEntry): ReadonlySet<string> {
  let names = sensitiveNames.get(entry);
  if (names === undefined) {
    names = new Set(
      [...entry.arguments].filter(([, { sensitive }]) => sensitive).map(([name]) => quoteJson(name)),
    );
    sensitiveNames.set(entry, names);
  }
  return names;
}
