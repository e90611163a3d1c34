import {
  AuthorizationService,
  AuthorizeStreamRequestSchema,
  type AuthorizeStreamResponse,
  AuthorizeStreamResponseSchema,
} from '../gen/assent/v1/authorization_pb.js';
import {
  CLIENT_CLOSED,
  type Failure,
  failureOfCall,
  failureOfStatus,
  localFailure,
  retryable,
} from './failure.ts';
import type { Lane, LaneReply } from './lane.ts';
import { decoded, encoded, type Transport } from './transport.ts';

const METHOD = AuthorizationService.method.authorizeStream;
const PATH = `/${METHOD.parent.typeName}/${METHOD.name}`;

/**
 * A stream that brought nothing for so long, while asks waited, is given up, also where its connection answers pings:
 * something between here and the PDP may have lost that stream alone. Twice as long as any ask may wait, so that a PDP
 * that is slow, but answers, is not made to begin again.
 */
const SILENCE_MS = 10_000;

/** A closed stream has this long to be ended by the far side too; a far side that never does would hold it open. */
const END_WAIT_MS = 1000;

/** An ask in flight: unsent while its place in the queue has not come, or while there is no stream. */
interface Waiting {
  readonly bytes: Uint8Array;
  readonly settle: (reply: LaneReply) => void;
  sent: boolean;
}

/**
 * One open stream, many asks in flight, matched by request id. A broken stream fails what was sent on it with
 * UNAVAILABLE, so that it is asked again under the same id; what was not sent yet waits for the next stream.
 */
export function createStreamLane(transport: Transport, options: { readonly maxInFlight: number }): Lane {
  return new StreamLane(transport, options.maxInFlight);
}

class StreamLane implements Lane {
  private readonly transport: Transport;
  private readonly maxInFlight: number;
  private readonly waiting = new Map<string, Waiting>();
  /** Ids not sent yet, oldest first. */
  private readonly queue = new Set<string>();
  private call: ReturnType<Transport['stream']> | undefined;
  private blocked = false;
  private opening = false;
  private closed = false;
  /** When the first ask was sent after which nothing came (`performance.now()`); undefined: none waits so. */
  private unansweredSince: number | undefined;
  /** Streams broken since the last answer: sets the pause before the next. */
  private breaks = 0;

  constructor(transport: Transport, maxInFlight: number) {
    this.transport = transport;
    this.maxInFlight = maxInFlight;
  }

  send(request: Parameters<Lane['send']>[0], timeoutMs: number): Promise<LaneReply> {
    if (this.closed) return Promise.resolve(failed(CLIENT_CLOSED));
    if (this.waiting.size >= this.maxInFlight)
      return Promise.resolve(failed(localFailure('RESOURCE_EXHAUSTED', 'too many asks are in flight')));
    const id = request.requestId;
    const encoding = encoded(AuthorizeStreamRequestSchema, { ask: request });
    if (!encoding.ok) return Promise.resolve(encoding);
    const bytes = encoding.message;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.giveUp(id), timeoutMs);
      const settle = (reply: LaneReply): void => {
        clearTimeout(timer);
        this.waiting.delete(id);
        this.queue.delete(id);
        resolve(reply);
      };
      this.waiting.set(id, { bytes, settle, sent: false });
      this.queue.add(id);
      this.pump();
    });
  }

  close(): void {
    this.closed = true;
    const { call } = this;
    this.call = undefined;
    if (call !== undefined) {
      call.end();
      setTimeout(() => call.cancel(), END_WAIT_MS).unref();
    }
    this.failAll(CLIENT_CLOSED);
  }

  private giveUp(id: string): void {
    const ask = this.waiting.get(id);
    if (ask === undefined) return;
    // Never sent means never reached; sent means that the answer is late, and an answer later still is ignored.
    ask.settle(
      failed(
        ask.sent
          ? localFailure('DEADLINE_EXCEEDED', 'no answer came in time')
          : localFailure('UNAVAILABLE', 'no stream could be opened in time'),
      ),
    );
    const { call, unansweredSince = Number.POSITIVE_INFINITY } = this;
    if (call === undefined || performance.now() - unansweredSince < SILENCE_MS) return;
    call.cancel();
    this.broke(call, localFailure('UNAVAILABLE', 'the stream is silent'));
  }

  /** Writes what is queued until the stream says that it is full; `drain` calls again. */
  private pump(): void {
    if (this.call === undefined) {
      if (this.queue.size > 0) void this.open();
      return;
    }
    for (const id of this.queue) {
      if (this.blocked) return;
      this.queue.delete(id);
      const ask = this.waiting.get(id);
      if (ask === undefined) continue;
      ask.sent = true;
      this.unansweredSince ??= performance.now();
      this.blocked = !this.call.write(ask.bytes);
    }
  }

  private async open(): Promise<void> {
    if (this.opening || this.closed) return;
    this.opening = true;
    if (this.breaks > 0) await pause(backoffMs(this.breaks));
    // The channel keeps trying by itself; without anyone waiting there is nothing to open for.
    while (!this.closed && this.queue.size > 0 && !(await this.transport.ready(1000)));
    this.opening = false;
    if (this.closed || this.queue.size === 0) return;
    const call = this.transport.stream(PATH);
    this.call = call;
    this.blocked = false;
    this.unansweredSince = undefined;
    call.on('data', (bytes: Uint8Array) => this.received(call, bytes));
    call.on('drain', () => {
      if (this.call === call) this.blocked = false;
      this.pump();
    });
    call.on('error', (error: Parameters<typeof failureOfCall>[0]) => this.broke(call, failureOfCall(error)));
    call.on('end', () => this.broke(call, localFailure('UNAVAILABLE', 'the stream ended')));
    this.pump();
  }

  private received(call: ReturnType<Transport['stream']>, bytes: Uint8Array): void {
    if (this.call !== call) return;
    this.unansweredSince = undefined;
    const answer = decoded(AuthorizeStreamResponseSchema, bytes);
    if (!answer.ok) {
      // Whose answer it was cannot be known, and what else this stream says cannot be trusted.
      call.cancel();
      this.broke(call, answer.failure);
      return;
    }
    this.breaks = 0;
    // An id that is not waited for belongs to an ask that gave up: its answer is late and permits nothing.
    this.waiting.get(answer.message.requestId)?.settle(laneReply(answer.message));
  }

  /** Runs once a stream, at its first sign of an end. */
  private broke(call: unknown, failure: Failure): void {
    if (this.call !== call) return;
    this.call = undefined;
    this.breaks += 1;
    // A refused stream (no credential, no such service) is refused to those who wait as well.
    for (const ask of [...this.waiting.values()])
      if (ask.sent || !retryable(failure)) ask.settle(failed(failure));
    this.pump();
  }

  private failAll(failure: Failure): void {
    for (const ask of [...this.waiting.values()]) ask.settle(failed(failure));
  }
}

function laneReply({ answer }: AuthorizeStreamResponse): LaneReply {
  switch (answer.case) {
    case 'decision':
      return { ok: true, message: answer.value };
    case 'status':
      return failed(failureOfStatus(answer.value));
    default:
      return { ok: true, message: undefined };
  }
}

function failed(failure: Failure): LaneReply {
  return { ok: false, failure };
}

function pause(ms: number): Promise<void> {
  // Who waits for this is an ask, and that has a timer of its own.
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

/** 20 ms doubled with every break in a row, at most 2 s, the upper half of it by chance. */
function backoffMs(breaks: number): number {
  const ceiling = Math.min(2000, 20 * 2 ** Math.min(breaks, 10));
  return ceiling / 2 + (Math.random() * ceiling) / 2;
}
