/** What a change of policy raises: neither number ever falls. */
export interface Version {
  readonly activation: number;
  readonly dataVersion: number;
}

/** Whether what is in force is known to be superseded, and for how long it has been. */
export interface Lag {
  /** The store holds this. */
  learn(stored: Version): void;
  /** This is in force now. */
  reach(version: Version): void;
  /** Something newer is known than what is in force. */
  isKnown(): boolean;
  /** Something newer has been known for longer than the grace, and is not in force. */
  isBehind(): boolean;
}

/** Newer versions that are told apart while none of them is in force; the rest share the time of the last. */
const MOST_LEARNED = 64;

/**
 * @param graceMs how long putting something newer in force may take while the older goes on deciding
 * @param now ms of a clock that does not go back
 */
export function createLag(start: Version, graceMs: number, now: () => number): Lag {
  let newest = start;
  /** What is newer than what is in force, oldest first. Never emptied by a store that forgets. */
  let learned: { readonly version: Version; readonly at: number }[] = [];
  let since: number | undefined;
  return {
    learn(stored) {
      if (!isNewer(stored, newest)) return;
      newest = newestOf(newest, stored);
      const shared = learned.length < MOST_LEARNED ? undefined : learned.pop();
      learned.push({ version: newest, at: shared?.at ?? now() });
      since ??= learned[0]?.at;
    },
    reach(version) {
      newest = newestOf(newest, version);
      learned = learned.filter((each) => isNewer(each.version, version));
      since = learned[0]?.at;
    },
    isKnown: () => since !== undefined,
    isBehind: () => since !== undefined && now() - since > graceMs,
  };
}

function newestOf(one: Version, other: Version): Version {
  return {
    activation: Math.max(one.activation, other.activation),
    dataVersion: Math.max(one.dataVersion, other.dataVersion),
  };
}

/** Newer in one of both is enough. */
function isNewer(one: Version, other: Version): boolean {
  return one.activation > other.activation || one.dataVersion > other.dataVersion;
}
