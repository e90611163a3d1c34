import type { handleBidiStreamingCall, ServerDuplexStream } from '@grpc/grpc-js';
import { AuthorizationService } from '../../gen/assent/v1/authorization_pb.js';
import { Malformed } from '../../model/refusal.ts';
import type { PepRegistry } from '../pep.ts';
import { type Access, admit, refuseLarger } from './access.ts';
import { answerAsk, readableId, refuseLate } from './authorize.ts';
import { type Answered, encodeDecided, encodeFailed } from './encode.ts';
import { type Failure, failureOf, serviceError, statusMessage } from './errors.ts';
import { type Caller, drained, type House } from './house.ts';
import { pathOf } from './methods.ts';
import { splitMessages } from './strict.ts';

/** Asks in flight on one stream; at so many it is not read on, and the sender feels it. */
export const MAX_IN_FLIGHT = 256;

type Call = ServerDuplexStream<Buffer, Buffer>;
const PATH = pathOf(AuthorizationService.method.authorizeStream);

/** The enforcement point is verified once, when the stream opens. */
export function authorizeStream(
  house: House,
  peps: PepRegistry,
  access: Access,
): handleBidiStreamingCall<Buffer, Buffer> {
  return (call) => {
    try {
      const pep = admit(call, peps, access);
      house.refuseWhenDraining();
      new AskStream(house, call, access).run({ pep, deadline: Number(call.getDeadline()) });
    } catch (cause) {
      call.emit('error', serviceError(house.fail(cause, PATH)));
    }
  };
}

interface Slot {
  readonly requestId: string;
  readonly outcome: Answered | Failure;
}

class AskStream {
  private readonly house: House;
  private readonly call: Call;
  private readonly access: Access;
  /** Read, but not yet handed to the transport. */
  private inFlight = 0;
  /** Answers that wait while the transport takes no more: an allow is judged late or not when it leaves. */
  private readonly waiting: Slot[] = [];
  private blocked = false;
  /** No more asks will come, by the caller's or by our own will. */
  private closing: 'no' | 'half-closed' | 'draining' = 'no';
  private gone = false;

  constructor(house: House, call: Call, access: Access) {
    this.house = house;
    this.call = call;
    this.access = access;
  }

  run(caller: Caller): void {
    const { call, house } = this;
    const drain = (): void => this.close('draining');
    house.drains.add(drain);
    const forget = (): void => {
      this.gone = true;
      this.waiting.length = 0;
      house.drains.delete(drain);
    };
    call.on('cancelled', forget);
    call.on('close', forget);
    call.on('finish', forget);
    call.on('drain', () => this.flush());
    call.on('end', () => this.close('half-closed'));
    call.on('data', (bytes: Buffer) => {
      // Once draining, what is read is nobody's: the stream's last status tells its sender to ask again.
      if (this.closing === 'draining') return;
      this.inFlight += 1;
      this.throttle();
      this.answer(bytes, caller).then((slot) => this.send(slot));
    });
  }

  /** Never rejects: one bad message costs one status. */
  private async answer(bytes: Uint8Array, caller: Caller): Promise<Slot> {
    let requestId = '';
    try {
      await this.house.turn();
      refuseLarger(bytes, this.access);
      const [ask, ...more] = splitMessages(bytes, 'ask');
      if (ask === undefined) throw new Malformed('ask', 'is required');
      requestId = readableId(ask);
      if (more.length > 0) throw new Malformed('ask', 'is given more than once');
      const { pep, deadline } = caller;
      return {
        requestId,
        outcome: await answerAsk(this.house, ask, { pep, callDeadline: deadline, field: 'ask' }),
      };
    } catch (cause) {
      return { requestId, outcome: this.house.fail(cause, PATH) };
    }
  }

  private send(slot: Slot): void {
    if (this.gone) return;
    if (this.blocked) this.waiting.push(slot);
    else this.write(slot);
    this.settle();
  }

  private flush(): void {
    this.blocked = false;
    while (!this.blocked) {
      const slot = this.waiting.shift();
      if (slot === undefined) break;
      this.write(slot);
    }
    this.settle();
  }

  private write(slot: Slot): void {
    this.inFlight -= 1;
    this.blocked = !this.call.write(this.encode(slot));
  }

  /** Never throws: a decision that cannot leave becomes a status. */
  private encode({ requestId, outcome }: Slot): Buffer {
    if (!('decision' in outcome)) return encodeFailed(requestId, statusMessage(outcome));
    try {
      refuseLate(outcome, this.house.now());
      return encodeDecided(requestId, outcome);
    } catch (cause) {
      return encodeFailed(requestId, statusMessage(this.house.fail(cause, PATH)));
    }
  }

  private throttle(): void {
    const full = this.blocked || this.inFlight >= MAX_IN_FLIGHT;
    if (full) this.call.pause();
    else if (this.call.isPaused()) this.call.resume();
  }

  private close(why: 'half-closed' | 'draining'): void {
    if (this.closing !== 'draining') this.closing = why;
    this.settle();
  }

  private settle(): void {
    if (this.gone) return;
    if (this.closing === 'no') this.throttle();
    else if (this.inFlight === 0) this.finish();
  }

  private finish(): void {
    this.gone = true;
    if (this.closing === 'half-closed') this.call.end();
    else this.call.emit('error', serviceError(failureOf(drained())));
  }
}
