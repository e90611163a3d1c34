import { AuthorizationService } from '../../gen/assent/v1/authorization_pb.js';
import { leaveBy, refuseLate } from './authorize.ts';
import { type Answered, encodeDecided, encodeFailed } from './encode.ts';
import { type Failure, statusMessage } from './errors.ts';
import type { Exit } from './exit.ts';
import { KIB } from './fields.ts';
import type { House } from './house.ts';
import { pathOf, sendTimely } from './methods.ts';

const PATH = pathOf(AuthorizationService.method.authorizeStream);
/**
 * How many answers, and of how many bytes, the transport may hold: what a healthy connection takes in a turn of the
 * event loop or two. More waits here, where coming too late costs one answer; there it costs the stream.
 */
const MAX_UNSENT = 64;
const MAX_UNSENT_BYTES = 64 * KIB;

/** What became of one ask of a stream. */
export interface Slot {
  readonly requestId: string;
  readonly outcome: Answered | Failure;
}

/** The answers of a stream on their way out; an allow is judged late or not when the transport takes it. */
export class AnswerQueue {
  private readonly house: House;
  private readonly exit: Exit;
  private readonly moved: () => void;
  private readonly slots: Slot[] = [];
  /** Handed to the transport, but not yet to the kernel. */
  private unsent = 0;
  private unsentBytes = 0;

  /** `moved` runs when answers that had to wait were handed over. */
  constructor(house: House, exit: Exit, moved: () => void) {
    this.house = house;
    this.exit = exit;
    this.moved = moved;
  }

  /** Answers that the transport has not taken. */
  get waiting(): number {
    return this.slots.length;
  }

  push(slot: Slot): void {
    this.slots.push(slot);
    this.flush();
  }

  clear(): void {
    this.slots.length = 0;
  }

  private flush(): void {
    while (this.unsent < MAX_UNSENT && this.unsentBytes < MAX_UNSENT_BYTES) {
      const slot = this.slots.shift();
      if (slot === undefined) return;
      this.send(slot);
    }
  }

  private send(slot: Slot): void {
    const { bytes, by } = this.encode(slot);
    this.unsent += 1;
    this.unsentBytes += bytes.length;
    // An allow that is stuck takes the stream along: its other asks are lost, as with a broken connection.
    sendTimely(this.house, this.exit, {
      bytes,
      leaveBy: by,
      path: PATH,
      left: () => {
        this.unsent -= 1;
        this.unsentBytes -= bytes.length;
        if (this.slots.length === 0) return;
        this.flush();
        this.moved();
      },
    });
  }

  /** Never throws: a decision that cannot leave becomes a status. */
  private encode({ requestId, outcome }: Slot): { readonly bytes: Buffer; readonly by: number } {
    if (!('decision' in outcome)) return failed(requestId, outcome);
    try {
      refuseLate(outcome, this.house.now());
      return { bytes: encodeDecided(requestId, outcome), by: leaveBy(outcome) };
    } catch (cause) {
      return failed(requestId, this.house.fail(cause, PATH));
    }
  }
}

function failed(requestId: string, failure: Failure): { readonly bytes: Buffer; readonly by: number } {
  return { bytes: encodeFailed(requestId, statusMessage(failure)), by: Number.POSITIVE_INFINITY };
}
