import {
  AuthorizationService,
  type AuthorizeRequest,
  type Decision as DecisionMessage,
} from '../gen/assent/v1/authorization_pb.js';
import type { Reply, Transport } from './transport.ts';

/** What came back for one ask: a decision, or why there is none. */
export type LaneReply = Reply<DecisionMessage | undefined>;

/** A way to send one ask once. It never rejects, and always settles within `timeoutMs`. */
export interface Lane {
  send(request: AuthorizeRequest, timeoutMs: number): Promise<LaneReply>;
  close(): void;
}

/** One call an ask. */
export function createUnaryLane(transport: Transport): Lane {
  return {
    send: async (request, timeoutMs) => {
      const reply = await transport.unary(AuthorizationService.method.authorize, request, timeoutMs);
      return reply.ok ? { ok: true, message: reply.message.decision } : reply;
    },
    close: () => undefined,
  };
}
