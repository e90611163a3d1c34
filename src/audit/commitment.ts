import { hash, randomBytes } from 'node:crypto';
import type { CommitmentOpening } from './log.ts';

const SALT_BYTES = 16;

// Random bytes are fetched for 256 salts at a time: one call costs more than the hash does.
let pool = Buffer.alloc(0);
let used = 0;
// Short values are hashed in place: three allocations less for each sensitive argument.
const scratch = Buffer.alloc(4096);

function freshSalt(): Buffer {
  if (used + SALT_BYTES > pool.length) {
    pool = randomBytes(256 * SALT_BYTES);
    used = 0;
  }
  used += SALT_BYTES;
  return pool.subarray(used - SALT_BYTES, used);
}

/**
 * Commits to a canonical JSON text: who has the opening can show that the record meant this value; who has only
 * the record can neither read nor guess it.
 */
export function commitTo(value: string): CommitmentOpening {
  const salt = freshSalt();
  return { commitment: commitmentOf(salt, value), salt: salt.toString('base64url'), value };
}

/** True when the opening belongs to its commitment. */
export function opens(opening: CommitmentOpening): boolean {
  return commitmentOf(Buffer.from(opening.salt, 'base64url'), opening.value) === opening.commitment;
}

function commitmentOf(salt: Buffer, value: string): string {
  // Three bytes are the most that one UTF-16 unit becomes.
  if (SALT_BYTES + 3 * value.length > scratch.length)
    return hash('sha256', Buffer.concat([salt, Buffer.from(value, 'utf8')]), 'base64url');
  salt.copy(scratch);
  const end = SALT_BYTES + scratch.write(value, SALT_BYTES, 'utf8');
  return hash('sha256', scratch.subarray(0, end), 'base64url');
}

/** As it stands in the record. */
export function commitmentText(opening: CommitmentOpening): string {
  return `{"commitment":"${opening.commitment}"}`;
}
