import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Metadata, ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';

/** A call's way out, below the library's own queue: who sends here knows what has left. */
export interface Exit {
  /**
   * Hands a message to the transport. `left` runs once the kernel has all of it, however long the peer's window or
   * the socket keeps it here; it never runs if the call ends before.
   */
  send(message: Buffer, left: () => void): void;
  /** Ends the call with OK, behind what was sent. */
  finish(): void;
  /** Ends the call so that nothing of it leaves any more. @returns false when it had ended before */
  cut(): boolean;
}

const exits = new WeakMap<Metadata, Exit>();

/** @throws TypeError for a call that did not come in by the door */
export function exitOf(call: { readonly metadata: Metadata }): Exit {
  const exit = exits.get(call.metadata);
  if (exit === undefined) throw new TypeError('a call has no way out');
  return exit;
}

/**
 * Gives a call that is let in its way out.
 * @throws TypeError when its HTTP/2 stream cannot be reached, which no public name leads to: a later version of the
 * library that hides it elsewhere answers no call, rather than an allow that could not be taken back
 */
export function openExit(call: ServerInterceptingCallInterface, metadata: Metadata): void {
  const stream: unknown = Reflect.get(call, 'stream');
  if (!isHttp2Stream(stream)) throw new TypeError('the transport does not show the stream of a call');
  exits.set(metadata, {
    send: (message, left) => call.sendMessage(message, left),
    finish: () => call.sendStatus({ code: status.OK, details: 'OK', metadata: null }),
    cut: () => cut(stream),
  });
}

/** Whether nothing that a call is told reaches anybody any more. */
export function hasEnded(call: ServerInterceptingCallInterface): boolean {
  const stream: unknown = Reflect.get(call, 'stream');
  return isHttp2Stream(stream) && stream.destroyed;
}

function isHttp2Stream(stream: unknown): stream is ServerHttp2Stream {
  return (
    typeof stream === 'object' &&
    stream !== null &&
    typeof Reflect.get(stream, 'close') === 'function' &&
    typeof Reflect.get(stream, 'destroy') === 'function'
  );
}

function cut(stream: ServerHttp2Stream): boolean {
  if (stream.destroyed) return false;
  const { session } = stream;
  const socket = session === undefined || session.destroyed ? undefined : session.socket;
  const stuck = socket !== undefined && holdsBytes(socket);
  // A reset drops what waits for the peer's window; destroying as well, because a reset alone waits for its turn.
  stream.close(constants.NGHTTP2_CANCEL);
  stream.destroy();
  // No reset takes back what stands in the socket's own queue, and the session would let it drain before it ends.
  // However its end is told, it has ended.
  if (stuck) socket[Symbol.asyncDispose]().catch(() => undefined);
  return true;
}

/** Whether bytes wait for the kernel to take them. Unknown counts as yes: the connection is what it costs. */
function holdsBytes(socket: object): boolean {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null) return true;
  return Reflect.get(handle, 'writeQueueSize') !== 0;
}
