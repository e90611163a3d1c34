/** Where a value stands in the data: steps below `data`, written with `/` between them. */
import { Malformed } from '../model/refusal.ts';

const MAX_PATH = 512;
const MAX_STEPS = 16;
/** Steps that somebody could read as another place. */
const RESERVED: ReadonlySet<string> = new Set(['', '.', '..', '__proto__']);

/**
 * The steps of a path such as `finance/blocked_vendors`; none for the empty path, which names all data.
 * @throws Malformed on `path`: over 512 characters or 16 steps, a step that is empty, `.`, `..` or `__proto__`,
 * control characters
 */
export function readPath(path: string): readonly string[] {
  if (path === '') return [];
  const steps = path.split('/');
  if (path.length > MAX_PATH || steps.length > MAX_STEPS)
    throw new Malformed('path', `has over ${MAX_STEPS} steps or ${MAX_PATH} characters`);
  if (!steps.every(isStep)) throw new Malformed('path', 'has a step that is empty or reserved');
  return steps;
}

/** Whether the steps can be written as a path. */
export function isPath(steps: readonly string[]): boolean {
  const characters = steps.reduce((sum, step) => sum + step.length + 1, -1);
  return steps.length <= MAX_STEPS && characters <= MAX_PATH && steps.every(isStep);
}

function isStep(step: string): boolean {
  return !RESERVED.has(step) && !/[\p{Cc}/]/u.test(step);
}
