/** The whole trade-off: every threshold on the sessions' scores, beside where the policy's own gates stand. */

import { isWrong, type Outcome } from './outcome.ts';

export interface Point {
  /** Sessions that score as much or more alarm. */
  readonly threshold: number;
  /** Shares, 0 to 1. */
  readonly interrupted: number;
  readonly stopped: number;
}

export interface Curve {
  /** From no alarm at all to all alarms, thresholds falling. */
  readonly points: readonly Point[];
  readonly gate: Omit<Point, 'threshold'>;
}

/** Undefined where there is no attack or no benign session: there is nothing to trade. */
export function curveOf(outcomes: readonly Outcome[]): Curve | undefined {
  const attacks = outcomes.filter(({ trace }) => trace.kind === 'attack');
  const benign = outcomes.filter(({ trace }) => trace.kind === 'benign');
  if (attacks.length === 0 || benign.length === 0) return undefined;
  const share = (of: readonly Outcome[], threshold: number): number =>
    of.filter(({ score }) => score >= threshold).length / of.length;
  const thresholds = [...new Set(outcomes.map(({ score }) => score))].sort((a, b) => b - a);
  const points = [Number.POSITIVE_INFINITY, ...thresholds].map((threshold) => ({
    threshold,
    interrupted: share(benign, threshold),
    stopped: share(attacks, threshold),
  }));
  const gate = {
    interrupted: benign.filter(isWrong).length / benign.length,
    stopped: attacks.filter((outcome) => !isWrong(outcome)).length / attacks.length,
  };
  return { points, gate };
}
