/** What a reader of the counts must know beside them: how they came about, and what was made up. */
import { FOLDS, groupOf } from './folds.ts';
import type { JudgedProtocol } from './judge.ts';
import { DAYS, PRINCIPALS } from './people.ts';
import type { Suite } from './suites.ts';

export const NOTE_NOTHING_LEARNED =
  'nothing was learned: sessions were played and closed, but the walk keeps no baseline yet, so `unseen` and `known` judge as `cold` does';

/** Sessions were to be learned from, and no house took any. */
export function nothingLearned(judged: readonly JudgedProtocol[]): boolean {
  const parts = judged.flatMap(({ protocol, parts }) => (protocol === 'cold' ? [] : parts));
  return parts.length > 0 && parts.every(({ learned }) => learned.taken === 0);
}

export interface Run {
  readonly seed: number;
  readonly synthetic: {
    readonly principals: number;
    readonly days: number;
    readonly folds: number;
    readonly approver: string;
    /** Base model → its editions in these traces. */
    readonly model_groups: Readonly<Record<string, readonly string[]>>;
    /** Per protocol and fold: what was judged there. */
    readonly held: Readonly<Record<string, readonly (readonly string[])[]>>;
  };
  readonly learned: Readonly<
    Record<string, { readonly played: number; readonly unclean: number; readonly taken: number }>
  >;
  readonly left_out: Readonly<
    Record<string, { readonly collision: number; readonly resisted: number; readonly unsolved: number }>
  >;
  readonly over_the_wire: Readonly<Record<string, number>>;
  readonly failures: number;
}

export function runOf(
  suites: readonly Suite[],
  judged: readonly JudgedProtocol[],
  { seed }: { readonly seed: number },
): Run {
  const each = <T>(of: (protocol: JudgedProtocol) => T): Record<string, T> =>
    Object.fromEntries(judged.map((one) => [one.protocol, of(one)]));
  return {
    seed,
    synthetic: {
      principals: PRINCIPALS,
      days: DAYS,
      folds: FOLDS,
      approver: 'yes to every call that the user asked for, no to every call of an attack',
      model_groups: groupsOf(suites),
      held: each(({ parts }) => parts.map(({ held }) => held)),
    },
    learned: each(({ parts }) => ({
      played: sum(parts.map(({ learned }) => learned.played)),
      unclean: sum(parts.map(({ learned }) => learned.unclean)),
      taken: sum(parts.map(({ learned }) => learned.taken)),
    })),
    left_out: Object.fromEntries(suites.map(({ name, left }) => [name, left])),
    over_the_wire: each(({ sampled }) => sampled),
    failures: sum(judged.map(({ failures }) => failures.length)),
  };
}

function groupsOf(suites: readonly Suite[]): Record<string, readonly string[]> {
  const groups = new Map<string, Set<string>>();
  for (const { model } of suites.flatMap(({ traces }) => traces)) {
    const group = groupOf(model);
    groups.set(group, (groups.get(group) ?? new Set()).add(model));
  }
  return Object.fromEntries(
    [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, of]) => [name, [...of].sort()]),
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
