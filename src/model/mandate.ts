/** Whom something is about: issuer and id, never one without the other. */
export interface Identity {
  readonly iss: string;
  readonly id: string;
}

/** What a session is for. Opened by an enforcement point with the role `opener`, never by the agent's token. */
export interface Mandate {
  readonly taskType: string;
  /** In the user's own words: its values are the user's. */
  readonly purpose: string;
  /** Action patterns: exact names, or `prefix.*`; `*` alone is everything. */
  readonly actions: readonly string[];
  /** Values that the user named for this task. */
  readonly declared: Readonly<Record<string, string>>;
  /** Budget name → decimal string; an ask that consumes an unnamed budget is refused. */
  readonly limits: Readonly<Record<string, string>>;
  /** Unix ms. */
  readonly expiresAt: number;
  /** Whose authority, and which agent acts on it; absent: the first ask's token binds them. */
  readonly subject?: Identity;
  readonly actor?: Identity;
}
