import {
  create,
  type DescMessage,
  type DescMethodUnary,
  type DescService,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { handleUnaryCall, MethodDefinition, Server, UntypedHandleCall } from '@grpc/grpc-js';
import type { Pep } from '../../model/ask.ts';
import { Fault } from '../../model/refusal.ts';
import type { PepRegistry } from '../pep.ts';
import { type Access, admit, refuseLarger } from './access.ts';
import { serviceError } from './errors.ts';
import { type Exit, exitOf } from './exit.ts';
import type { Caller, House } from './house.ts';
import { decodeStrictly } from './strict.ts';

/** Bytes in, bytes out. */
export type Answer = (
  request: Uint8Array,
  caller: Caller & { readonly gone: () => boolean },
) => Promise<Reply>;

export interface Reply {
  readonly bytes: Uint8Array;
  /** Unix ms: from then on it must not leave any more; infinite for what allows nothing. */
  readonly leaveBy: number;
}

/**
 * A unary verb that decodes its request, and says its answer as fields of the response. `gone` tells whether the call
 * has ended, by its deadline or its caller.
 */
export function verb<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  run: (pep: Pep, request: MessageShape<I>, gone: () => boolean) => Promise<MessageInitShape<O>>,
): Answer {
  return async (request, { pep, gone }) => {
    const answer = await run(pep, decodeStrictly(method.input, request), gone);
    const bytes = toBinary(method.output, create(method.output, answer));
    return { bytes, leaveBy: Number.POSITIVE_INFINITY };
  };
}

/** Puts identity, size and errors around a unary answer. */
export function unary(
  house: House,
  peps: PepRegistry,
  { path, access, answer }: { readonly path: string; readonly access: Access; readonly answer: Answer },
): handleUnaryCall<Buffer, Buffer> {
  return (call, respond) => {
    const run = async (): Promise<Reply> => {
      await house.turn();
      const pep = admit(call, peps, access);
      house.refuseWhenDraining();
      refuseLarger(call.request, access);
      return answer(call.request, {
        pep,
        deadline: Number(call.getDeadline()),
        gone: () => call.cancelled,
      });
    };
    run().then(
      (reply) => {
        // To a cancelled call the library sends nothing: what was done stands in the record, and a retry finds it.
        const exit = exitOf(call);
        sendTimely(house, exit, { ...reply, path });
        exit.finish();
      },
      (cause: unknown) => {
        const failed = house.fail(cause, path);
        if (!call.cancelled) respond(serviceError(failed));
      },
    );
  };
}

/**
 * Hands bytes to the transport, and ends the call if they are still here at `leaveBy`. `left` runs when the kernel
 * has them, and never if the call ends before.
 */
export function sendTimely(
  house: House,
  exit: Exit,
  { bytes, leaveBy, path, left }: Reply & { readonly path: string; readonly left?: () => void },
): void {
  const late = (): void => {
    if (exit.cut()) house.fail(new Fault('DEADLINE_PASSED'), path);
  };
  const settled = leaveBy < Number.POSITIVE_INFINITY ? house.departures.watch(leaveBy, late) : undefined;
  exit.send(bufferOf(bytes), () => {
    settled?.();
    left?.();
  });
}

/** The same bytes under the name that the transport knows them by. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** In the place of a serialiser. */
export const asIs = (bytes: Buffer): Buffer => bytes;

/**
 * Serves every method of a service with raw bytes: a request that cannot be decoded must fail inside its
 * handler, because a decoder that throws takes a whole stream and everything in flight on it along.
 */
export function addService(
  server: Server,
  service: DescService,
  handlers: Readonly<Record<string, UntypedHandleCall>>,
): void {
  const definition: Record<string, MethodDefinition<Buffer, Buffer>> = {};
  for (const method of service.methods) {
    definition[method.localName] = {
      path: pathOf(method),
      requestStream: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
      responseStream: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    };
  }
  server.addService(definition, { ...handlers });
}

export function pathOf(method: { readonly parent: DescService; readonly name: string }): string {
  return `/${method.parent.typeName}/${method.name}`;
}
