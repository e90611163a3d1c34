import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEV_DIRECTORY } from './dev-material.ts';
import { listens } from './reach.ts';

const FILE = join(DEV_DIRECTORY, 'address');

/** Where the development server that commands in this folder find serves; undefined: none has said so. */
export function devAddress(): string | undefined {
  return existsSync(FILE) ? readFileSync(FILE, 'utf8').trim() || undefined : undefined;
}

/**
 * Has commands in this folder find the development server at `address`, unless they find one that still listens.
 * Returns the address that they find. A crash before the rename leaves the old one.
 */
export async function announce(address: string): Promise<string> {
  const found = devAddress();
  if (found !== undefined && found !== address && (await listens(found))) return found;
  writeFileSync(`${FILE}.new`, `${address}\n`);
  renameSync(`${FILE}.new`, FILE);
  return address;
}

/** Takes the address back, and leaves another server's. A crash leaves it: the next server that starts replaces it. */
export function withdraw(address: string): void {
  if (devAddress() === address) rmSync(FILE, { force: true });
}
