/**
 * Action patterns, as mandates, hops and scope mappings write them: an exact action name, `prefix.*` for
 * everything below a prefix, or `*` alone for everything.
 */
const NAME = /^[A-Za-z0-9._:/@+=~-]{1,128}$/;

/** As a catalog may write it: segments between dots, none of them empty. */
const ACTION = /^(?!.*\.(?:\.|$))[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}$/;

/** Whether a catalog may hold an action of this name; an ask for any other is refused as unknown. */
export function isActionName(text: string): boolean {
  return ACTION.test(text);
}

/** Whether some action's name could match: what is no such pattern is a slip of whoever wrote it. */
export function isActionPattern(text: string): boolean {
  return text === '*' || isActionName(text.endsWith('.*') ? text.slice(0, -2) : text);
}

export function isPattern(text: string): boolean {
  return text === '*' || NAME.test(text.endsWith('.*') ? text.slice(0, -2) : text);
}

/** One test for all patterns together; no pattern permits nothing. */
export function compilePatterns(patterns: readonly string[]): (action: string) => boolean {
  if (patterns.includes('*')) return () => true;
  const names = new Set(patterns.filter((pattern) => !pattern.endsWith('.*')));
  // The dot stays: `pay.*` is not `payment.send`, nor is it `pay` itself.
  const prefixes = patterns
    .filter((pattern) => pattern.endsWith('.*'))
    .map((pattern) => pattern.slice(0, -1));
  return (action) =>
    names.has(action) ||
    prefixes.some((prefix) => action.length > prefix.length && action.startsWith(prefix));
}

/**
 * True when everything that `child` permits, `parent` permits. Exact, not a guess: what a prefix covers is
 * endless, so it lies inside a union only where it lies inside one member.
 */
export function narrows(child: readonly string[], parent: readonly string[]): boolean {
  return child.every((inner) => parent.some((outer) => covers(outer, inner)));
}

function covers(outer: string, inner: string): boolean {
  if (outer === '*' || outer === inner) return true;
  if (!outer.endsWith('.*')) return false;
  const prefix = outer.slice(0, -1);
  return inner.startsWith(prefix) && inner.length > prefix.length;
}
