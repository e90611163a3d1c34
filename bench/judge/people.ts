/** Who delegates a session and when: the traces have neither, so both are made of the seed and of nothing else. */
import { hash } from 'node:crypto';
import type { Trace } from './traces.ts';

/** Delegating principals of one suite, and days over which what is learned is spread. */
export const PRINCIPALS = 5;
export const DAYS = 10;

/** A whole number below `below` that only seed and names decide. */
export function drawn(seed: number, below: number, ...names: readonly string[]): number {
  const digest = hash('sha256', JSON.stringify([seed, ...names]), 'hex').slice(0, 12);
  return Number.parseInt(digest, 16) % below;
}

export interface Person {
  /** Subject of the token. */
  readonly principal: string;
  /** The agent: one a suite, whatever model moves it. */
  readonly agent: string;
  /** Whole days before today, 1 to DAYS; judged sessions are of today. */
  readonly daysAgo: number;
}

export function personOf({ suite, line }: Trace, seed: number): Person {
  const session = `${suite}:${line}`;
  return {
    principal: `principal-${1 + drawn(seed, PRINCIPALS, 'principal', session)}`,
    agent: `agent-${suite}`,
    daysAgo: 1 + drawn(seed, DAYS, 'day', session),
  };
}

/** Whether a person agrees to what was escalated: yes to what the user's task needs, no to what an attack asks for. */
export function approves({ mal }: { readonly mal?: unknown }): boolean {
  return mal === undefined;
}
