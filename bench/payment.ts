/** The question that most cases ask, in a session that is not too long, and what its answer must be. */
import { hash } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  AuthorizeRequestSchema,
  AuthorizeResponseSchema,
  Effect,
} from '../src/gen/assent/v1/authorization_pb.js';

/** About what a long task takes; a new session is opened after so many, at the case's expense. */
const ASKS_A_SESSION = 50;

/** Hands out a session, a new one after so many asks, or where none could be opened. */
export function sessionPool<T>(open: () => Promise<T>): () => Promise<T> {
  let current: Promise<T> | undefined;
  let used = 0;
  return () => {
    if (current === undefined || used >= ASKS_A_SESSION) {
      const opened = open();
      current = opened;
      used = 0;
      opened.catch(() => {
        // Whoever asked for it is told; the next one tries anew.
        if (current === opened) current = undefined;
      });
    }
    used += 1;
    return current;
  };
}

let counter = 0;
/** UUIDv7 of now, made of a counter: no two in one run. */
function nextId(): string {
  counter += 1;
  const time = Date.now().toString(16).padStart(12, '0');
  const tail = hash('sha256', `${process.pid}:${counter}`, 'hex');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${tail.slice(0, 3)}-8${tail.slice(3, 6)}-${tail.slice(6, 18)}`;
}

export interface PaymentAsk {
  readonly token: string;
  readonly session: string;
  readonly chain?: readonly string[];
  readonly action?: string;
  /** Bytes of context that policy sees as `claimed`. */
  readonly padding?: number;
}

const text = new TextEncoder();

/** One payment that the rules allow, as it stands on the wire: another invoice each time. */
export function paymentBytes({
  token,
  session,
  chain,
  action = 'payment.send',
  padding = 0,
}: PaymentAsk): Uint8Array {
  const requestId = nextId();
  const args = {
    account: 'DE02120300000000202051',
    amount: '12.50',
    invoice: `INV-${counter}`,
    vendor: 'acme',
  };
  return toBinary(
    AuthorizeRequestSchema,
    create(AuthorizeRequestSchema, {
      requestId,
      action: {
        name: action,
        resource: { type: 'invoice', id: args.invoice },
        argumentsJson: text.encode(JSON.stringify(args)),
      },
      credential: { form: { case: 'bearerToken', value: token } },
      session: { reference: { case: 'id', value: session } },
      chain: [...(chain ?? [])],
      contextJson:
        padding === 0 ? new Uint8Array() : text.encode(JSON.stringify({ note: 'x'.repeat(padding) })),
    }),
  );
}

/** @throws Error when the answer has another effect: a fast wrong answer must not win */
export function expectEffect(answer: Uint8Array, wanted: Effect): void {
  const { decision } = fromBinary(AuthorizeResponseSchema, answer);
  if (decision?.effect !== wanted)
    throw new Error(
      `wanted ${Effect[wanted]}, got ${decision && Effect[decision.effect]}: ${decision?.reasons.map((r) => r.code)}`,
    );
}
