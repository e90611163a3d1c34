import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/**
 * Takes the directory for this process: two writers would fork the log. The lock is SQLite's file lock on an
 * empty database, because that one belongs to the kernel: it falls with the process, however it dies, and no
 * stale file has to be judged by a process id that somebody else may have by now. Deleting the file while a
 * process holds it defeats the lock.
 * @returns a function that lets go
 * @throws Error naming the directory when another process (or this one) holds it
 */
export function lockDirectory(dir: string): () => void {
  const database = new DatabaseSync(join(dir, 'lock'));
  try {
    database.exec('PRAGMA journal_mode=OFF; BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    throw new Error(
      `record log \`${dir}\` is in use by another process: each server needs a \`record_log.directory\` of its own`,
      { cause },
    );
  }
  return () => database.close();
}
