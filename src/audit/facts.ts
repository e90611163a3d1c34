import type { CatalogEntry } from '../model/catalog.ts';
import type { Trail } from '../model/facts.ts';
import { canonicalJson, type JsonValue, quoteJson } from '../model/json.ts';
import { commitmentText, commitTo } from './commitment.ts';
import type { CommitmentOpening } from './log.ts';
import { findMember, replaceMembers } from './members.ts';

/** `judged`: what policy saw; `partial`: what the trail knew when the walk stopped before policy. */
export interface RecordedFacts {
  readonly state: 'judged' | 'partial';
  /** Canonical JSON object. */
  readonly text: string;
}

/** An argument with a longer canonical text, in bytes, stands in the record as a commitment. */
const LONGEST_ARGUMENT = 16_384;

const sensitiveNames = new WeakMap<CatalogEntry, ReadonlySet<string>>();

/**
 * The facts of a record: policy's input word for word, but for sensitive and long arguments, which become
 * commitments whose openings are added to `openings`. Arguments that no catalog entry was held against are
 * left out: nobody can say which of them are sensitive, and the request's digest stands for them.
 */
export function recordedFacts(trail: Trail, openings: CommitmentOpening[]): RecordedFacts {
  const input = trail.judged?.input;
  if (input === undefined) return { state: 'partial', text: partialFacts(trail, openings) };
  const args = findMember(input, 'args');
  // Without the place where the arguments stand, hiding all is the only way to hide the right ones.
  if (args === undefined || trail.action === undefined)
    return { state: 'judged', text: hide(input, openings) };
  const kept = input.slice(args.start, args.end);
  const shown = hideArguments(kept, trail.action.entry, openings);
  if (shown === kept) return { state: 'judged', text: input };
  return { state: 'judged', text: input.slice(0, args.start) + shown + input.slice(args.end) };
}

function partialFacts(trail: Trail, openings: CommitmentOpening[]): string {
  const { action, provenance } = trail;
  const members: string[] = [];
  if (action !== undefined)
    members.push(`"args":${hideArguments(action.policyArgs, action.entry, openings)}`);
  if (provenance !== undefined) members.push(`"provenance":${canonicalJson(provenance as JsonValue)}`);
  return `{${members.join(',')}}`;
}

function hideArguments(args: string, entry: CatalogEntry, openings: CommitmentOpening[]): string {
  const names = sensitiveOf(entry);
  // Three bytes are the most that one UTF-16 unit becomes, so most arguments need no measuring.
  if (names.size === 0 && args.length * 3 <= LONGEST_ARGUMENT) return args;
  return replaceMembers(args, (name, value) =>
    names.has(name) || isLong(value) ? hide(value, openings) : undefined,
  );
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
