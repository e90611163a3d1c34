import { Fault } from '../model/refusal.ts';
import type { Log } from './log.ts';

/** Whether a part that every ask needs is known to be broken. */
export interface Pulse {
  /** False from the moment the part fails until it next succeeds. */
  isWell(): boolean;
  /** Hands the work back as it is, and listens to how it ends. */
  hear<T>(work: Promise<T>): Promise<T>;
  close(): void;
}

export interface PulseOptions {
  /** What log lines call the part. */
  readonly part: string;
  /** Something harmless to ask of the part while it is unwell: nobody else may be asking, because it is. */
  readonly probe: () => Promise<unknown>;
  readonly log: Log;
}

/** As often as health watchers look, or nearly. */
const PROBE_MS = 250;

export function createPulse({ part, probe, log }: PulseOptions): Pulse {
  let failedAt: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const succeeded = (): void => {
    if (failedAt === undefined) return;
    log.info({ part, forMs: Math.round(performance.now() - failedAt) }, 'a part works again');
    failedAt = undefined;
    clearTimeout(timer);
  };
  const failed = (cause: unknown): void => {
    // An asker's failure, or a record that could not be built, says nothing about the part.
    if (!(cause instanceof Fault) || failedAt !== undefined) return;
    failedAt = performance.now();
    log.error({ part, cause }, 'a part fails: not ready until it works again');
    probeLater();
  };
  const probeLater = (): void => {
    clearTimeout(timer);
    if (closed || failedAt === undefined) return;
    timer = setTimeout(() => void Promise.resolve().then(probe).then(succeeded, probeLater), PROBE_MS);
    timer.unref();
  };

  return {
    isWell: () => failedAt === undefined,
    hear(work) {
      work.then(succeeded, failed);
      return work;
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
