import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { AssentError } from './failure.ts';
import { withRetries } from './retry.ts';
import type { Transport } from './transport.ts';

/** Where verbs go, and how long they may take. */
export interface Calling {
  readonly transport: Transport;
  readonly timeoutMs: number;
}

/** Calls a verb that may be repeated without harm, with retries. @throws AssentError */
export async function call<I extends DescMessage, O extends DescMessage>(
  calling: Calling,
  method: DescMethodUnary<I, O>,
  message: MessageInitShape<I>,
): Promise<MessageShape<O>> {
  const { transport, timeoutMs } = calling;
  const { reply } = await withRetries({ calls: transport, timeoutMs }, (remaining) =>
    transport.unary(method, message, remaining),
  );
  if (!reply.ok) throw new AssentError(reply.failure);
  return reply.message;
}

/** Calls a verb whose repetition would count twice: once. @throws AssentError */
export async function callOnce<I extends DescMessage, O extends DescMessage>(
  calling: Calling,
  method: DescMethodUnary<I, O>,
  message: MessageInitShape<I>,
): Promise<MessageShape<O>> {
  const reply = await calling.transport.unary(method, message, calling.timeoutMs);
  if (!reply.ok) throw new AssentError(reply.failure);
  return reply.message;
}
