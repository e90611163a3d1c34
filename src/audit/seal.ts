import type { Answer, Decision } from '../model/decision.ts';
import type { Trail } from '../model/facts.ts';
import type { Reason } from '../model/reason.ts';
import { eventRecord, type SealedEvent } from './event.ts';
import type { RecordLog } from './log.ts';
import { createNoise } from './noise.ts';
import { type Active, buildRecord } from './record.ts';

export interface SealerOptions {
  readonly log: RecordLog;
  /** The rules in force now, for answers that policy never saw. */
  readonly active: () => Active;
  /** The challenge for a failed token by the first reason; undefined where none would help. */
  readonly challenge: (reason: Reason) => string | undefined;
  /** Throwaway keys: every record says so. */
  readonly dev: boolean;
  /** Something failed that no answer waits for. */
  readonly onFault: (cause: unknown) => void;
  /** Failed tokens that get a record each, per enforcement point and second. Default 20. */
  readonly noisePerSecond?: number;
}

/** Makes answers into decisions: what is returned has a record. */
export interface Sealer {
  /**
   * @throws Fault AUDIT_UNAVAILABLE when the record could not be written: then nothing is answered. An entry the
   * answer left in its session stands, and the retry finds it
   */
  seal(trail: Trail, answer: Answer): Promise<Decision>;
  /** @throws Fault AUDIT_UNAVAILABLE: then the caller is not answered, and does it again */
  sealEvent(event: SealedEvent): Promise<void>;
  /** Writes what is still counted. The log stays open: its owner closes it. */
  close(): Promise<void>;
}

export function createSealer(options: SealerOptions): Sealer {
  const { log, active, challenge, dev } = options;
  const noise = createNoise({ log, perWindow: options.noisePerSecond ?? 20, onFault: options.onFault });

  async function record(trail: Trail, answer: Answer, rules: Active): Promise<number> {
    if (isNoise(trail, answer) && !noise.admit(trail.ask, trail.at))
      return noise.count(trail.ask, answer.reasons[0]?.code ?? '', trail.at);
    const { index } = await log.append((place, previous) =>
      buildRecord(trail, answer, { index: place, previous, active: rules, dev }),
    );
    return index;
  }

  return {
    async seal(trail, answer) {
      // Taken once: the answer and its record name the same rules, whatever is activated meanwhile.
      const rules = trail.judged ?? active();
      const recordIndex = await record(trail, answer, rules);
      const [reason] = answer.reasons;
      const help = reason === undefined ? undefined : challenge(reason);
      return {
        ...answer,
        requestId: trail.ask.requestId,
        revision: rules.revision,
        activation: rules.activation,
        recordIndex,
        provenance: trail.provenance ?? {},
        ...(trail.judged === undefined ? {} : { input: trail.judged.input }),
        ...(help === undefined ? {} : { challenge: help }),
      };
    },
    async sealEvent(event) {
      await log.append(eventRecord(event, dev));
    },
    close: () => noise.flush(),
  };
}

/** Nobody is known to have asked: the token failed before it named a caller. */
function isNoise({ caller }: Trail, { effect, reasons }: Answer): boolean {
  return caller === undefined && effect === 'deny' && reasons[0]?.code.startsWith('token.') === true;
}
