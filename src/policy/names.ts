/** What a bundle may call things, and how many of them: the same for sources and for what was built of them. */
import { BundleError } from './tar.ts';

/** Codes, and keys of data. */
export const MAX_NAMES = 500;

/** The policy's one question: package `assent`, rule `verdict`. */
export const ENTRYPOINT = 'assent/verdict';

const NAME = /^[a-z][a-z0-9_-]{0,63}$/;

/** A bundle's name: people read it on their terminals. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && NAME.test(value);
}

/** @throws BundleError over so many of what `what` names */
export function checkCount(count: number, what: string, most: number = MAX_NAMES): void {
  if (count > most) throw new BundleError(`\`${what}\` has more than ${most} members`, '.manifest');
}
