import { randomBytes } from 'node:crypto';

/** A new session's id: 16 random bytes in base64url, 22 characters. 127 bits of them count, at least. */
export function mintSessionId(): string {
  return notDashed(randomBytes(16).toString('base64url'));
}

/** The id with another first character where that is `-`: any command line would take it for an option. */
export function notDashed(id: string): string {
  return id.startsWith('-') ? `_${id.slice(1)}` : id;
}
