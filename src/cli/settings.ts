/** What the environment says; nothing else in the command line reads it. */
export interface Settings {
  readonly address: string | undefined;
  readonly keyFile: string | undefined;
}

export function readSettings(): Settings {
  return {
    address: process.env['ASSENT_ADDRESS'] || undefined,
    keyFile: process.env['ASSENT_KEY_FILE'] || undefined,
  };
}

/** All of it, for the server's own configuration to read its overrides from. */
export function environment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}
