import type { handleBidiStreamingCall, ServerDuplexStream } from '@grpc/grpc-js';
import { AuthorizationService } from '../../gen/assent/v1/authorization_pb.js';
import { Malformed } from '../../model/refusal.ts';
import type { PepRegistry } from '../pep.ts';
import { type Access, admit, refuseLarger } from './access.ts';
import { AnswerQueue, type Slot } from './answers.ts';
import { Arrivals } from './arrivals.ts';
import { answerAsk, readableId } from './authorize.ts';
import { failureOf, serviceError } from './errors.ts';
import { exitOf } from './exit.ts';
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

class AskStream {
  private readonly house: House;
  private readonly call: Call;
  private readonly access: Access;
  private readonly answers: AnswerQueue;
  private readonly arrivals = new Arrivals();
  private deciding = 0;
  /** No more asks will come, by the caller's or by our own will. */
  private closing: 'no' | 'half-closed' | 'draining' = 'no';
  private gone = false;

  constructor(house: House, call: Call, access: Access) {
    this.house = house;
    this.call = call;
    this.access = access;
    this.answers = new AnswerQueue(house, exitOf(call), () => this.settle());
  }

  run(caller: Caller): void {
    const { call, house } = this;
    const drain = (): void => this.close('draining');
    house.drains.add(drain);
    const forget = (): void => {
      this.gone = true;
      this.answers.clear();
      house.drains.delete(drain);
    };
    call.on('cancelled', forget);
    call.on('close', forget);
    call.on('finish', forget);
    call.on('end', () => this.close('half-closed'));
    call.on('data', (bytes: Buffer) => {
      // Once draining, what is read is nobody's: the stream's last status tells its sender to ask again.
      if (this.closing === 'draining') return;
      const arrivedAt = this.arrivals.read(bytes.length, house.now());
      this.deciding += 1;
      this.throttle();
      this.answer(bytes, { ...caller, arrivedAt }).then((slot) => this.send(slot));
    });
  }

  /** Never rejects: one bad message costs one status. */
  private async answer(bytes: Uint8Array, asked: Caller & { readonly arrivedAt: number }): Promise<Slot> {
    let requestId = '';
    try {
      await this.house.turn();
      refuseLarger(bytes, this.access);
      const [ask, ...more] = splitMessages(bytes, 'ask');
      if (ask === undefined) throw new Malformed('ask', 'is required');
      requestId = readableId(ask);
      if (more.length > 0) throw new Malformed('ask', 'is given more than once');
      const { pep, deadline, arrivedAt } = asked;
      return {
        requestId,
        outcome: await answerAsk(this.house, ask, { pep, callDeadline: deadline, arrivedAt, field: 'ask' }),
      };
    } catch (cause) {
      return { requestId, outcome: this.house.fail(cause, PATH) };
    }
  }

  private send(slot: Slot): void {
    this.deciding -= 1;
    if (this.gone) return;
    this.answers.push(slot);
    this.settle();
  }

  /** Read, but not yet handed to the transport. */
  private get inFlight(): number {
    return this.deciding + this.answers.waiting;
  }

  private throttle(): void {
    const full = this.answers.waiting > 0 || this.inFlight >= MAX_IN_FLIGHT;
    if (full) {
      this.arrivals.paused(this.house.now());
      this.call.pause();
    } else if (this.call.isPaused()) {
      this.arrivals.resumed(this.call);
      this.call.resume();
      setImmediate(() => {
        if (!this.call.isPaused()) this.arrivals.caughtUp();
      });
    }
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
