import { createHash } from 'node:crypto';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import { type AuthorizeRequest, AuthorizeRequestSchema } from '../../src/gen/assent/v1/authorization_pb.js';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from '../../src/gen/google/rpc/error_details_pb.js';
import { type Status, StatusSchema } from '../../src/gen/google/rpc/status_pb.js';
import type { Ask, Role } from '../../src/model/ask.ts';
import type { Decision } from '../../src/model/decision.ts';
import type { Mandate } from '../../src/model/mandate.ts';
import type { Report, SessionView, Verbs } from '../../src/model/verbs.ts';
import { createGrpcServer, type GrpcServer, type GrpcServerOptions } from '../../src/wire/grpc/serve.ts';
import type { Registration } from '../../src/wire/pep.ts';

export const KEY = 'a-key-made-for-this-test-and-no-other';
export const ALL_ROLES: readonly Role[] = ['asker', 'opener', 'details', 'author', 'security', 'admin'];

export function registration(id: string, key: string, roles: readonly Role[] = ALL_ROLES): Registration {
  return {
    id,
    tenant: 'acme',
    roles,
    proof: { kind: 'key', sha256: createHash('sha256').update(key).digest() },
  };
}

/** A UUIDv7 of a time in the past whose random part is a counter. */
let minted = 0;
export function requestId(): string {
  return requestIdOf(0x01990b2e7c00);
}

/** The same, of a time of one's own, Unix ms. */
export function requestIdOf(at: number): string {
  minted += 1;
  const time = at.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7abc-8def-${minted.toString(16).padStart(12, '0')}`;
}

export type AskInit = Exclude<MessageInitShape<typeof AuthorizeRequestSchema>, AuthorizeRequest>;

export function askInit(overrides: AskInit = {}): AskInit {
  return {
    requestId: requestId(),
    action: { name: 'invoice.read', argumentsJson: json('{"id":"INV-17"}') },
    credential: { form: { case: 'bearerToken', value: 'header.payload.signature' } },
    session: { reference: { case: 'id', value: 'ses-1' } },
    ...overrides,
  };
}

export function askBytes(overrides: AskInit = {}): Uint8Array {
  return toBinary(AuthorizeRequestSchema, create(AuthorizeRequestSchema, askInit(overrides)));
}

export function json(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(text));
}

export function decisionOn(ask: Ask, overrides: Partial<Decision> = {}): Decision {
  return {
    id: '01990b2e-7c00-7abc-8def-ffffffffffff',
    requestId: ask.requestId,
    effect: 'allow',
    reasons: [],
    obligations: [],
    consume: [],
    revision: 'a'.repeat(64),
    activation: 3,
    recordIndex: 7,
    provenance: {},
    ...overrides,
  };
}

function viewOf(mandate: Mandate, overrides: Partial<SessionView> = {}): SessionView {
  return {
    id: 'ses-1',
    state: 'open',
    mandate,
    mandateDigest: 'digest-of-the-mandate',
    subject: undefined,
    actor: undefined,
    openedAt: 1_790_000_000_000,
    steps: 4,
    denials: 1,
    spent: { eur: '10.00' },
    remaining: { eur: '90.00' },
    recent: [{ action: 'invoice.read', effect: 'allow', code: '', at: 1_790_000_000_500 }],
    head: { version: 9, digest: 'digest-of-the-head' },
    ...overrides,
  };
}

/** A house that allows everything and remembers what it was asked. */
export interface Remembering {
  readonly asks: Ask[];
  readonly reports: Report[];
  readonly calls: { readonly verb: string; readonly args: readonly unknown[] }[];
  ready: boolean;
  decide: (ask: Ask) => Promise<Decision>;
  readonly verbs: Verbs;
}

export function rememberingHouse(): Remembering {
  const calls: Remembering['calls'] = [];
  const asks: Ask[] = [];
  const reports: Report[] = [];
  let kept: Mandate = {
    taskType: 'invoice_run',
    purpose: '',
    actions: ['*'],
    declared: {},
    limits: {},
    expiresAt: 1_790_000_900_000,
  };
  const seen = <T>(verb: string, args: readonly unknown[], answer: T): Promise<T> => {
    calls.push({ verb, args });
    return Promise.resolve(answer);
  };
  const activation = (active: boolean) => ({
    number: 2,
    revision: 'b'.repeat(64),
    name: 'finance',
    at: 1_790_000_000_000,
    pushedBy: 'dev',
    active,
    dataRoots: ['finance'],
  });
  const house: Remembering = {
    asks,
    reports,
    calls,
    ready: true,
    decide: (ask) => Promise.resolve(decisionOn(ask)),
    verbs: {
      decide(ask) {
        asks.push(ask);
        return house.decide(ask);
      },
      report(report) {
        reports.push(report);
        return Promise.resolve({ valuesRemembered: 5 });
      },
      sessions: {
        open(pep, mandate, openKey) {
          kept = mandate;
          return seen('open', [pep, mandate, openKey], viewOf(mandate));
        },
        get: (pep, id) => seen('get', [pep, id], viewOf(kept)),
        list: (pep, page) => seen('list', [pep, page], { sessions: [viewOf(kept)], nextToken: 'next' }),
        amend: (pep, id, mandate) => seen('amend', [pep, id, mandate], viewOf(mandate)),
        close: (pep, id) => seen('close', [pep, id], viewOf(kept, { state: 'closed' })),
        suspend: (pep, id, cause) => seen('suspend', [pep, id, cause], viewOf(kept, { state: 'suspended' })),
        resume: (pep, id) => seen('resume', [pep, id], viewOf(kept)),
      },
      policies: {
        push: (pep, content, options) =>
          seen('push', [pep, content, options], {
            activation: activation(!options.validateOnly),
            testsPassed: 12,
            coveragePercent: 93.5,
            keptData: ['finance/usual_factor'],
          }),
        list: (pep, page) =>
          seen('policies.list', [pep, page], { activations: [activation(true)], nextToken: '' }),
        rollback: (pep, revision) => seen('rollback', [pep, revision], activation(true)),
        patch: (pep, path, change, expected) => seen('patch', [pep, path, change.read(), expected], 8),
        data: (pep, path) => seen('data', [pep, path], { value: { blocked: ['v-1'] }, version: 8 }),
      },
      ready: () => house.ready,
    },
  };
  return house;
}

interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly facts: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export interface Served extends Remembering {
  readonly server: GrpcServer;
  readonly addresses: readonly string[];
  readonly lines: LogLine[];
  readonly errors: string[];
  inFlight(): number;
  /** A client on the first address, closed with the test. */
  client(channel?: ChannelCredentials, options?: ChannelOptions): Client;
  call(path: string, bytes: Uint8Array, options?: CallOptions): Promise<Reply>;
}

/** A server on a free port of loopback, drained with the test. */
export async function serve(options: Partial<GrpcServerOptions> = {}): Promise<Served> {
  const house = rememberingHouse();
  const lines: LogLine[] = [];
  const errors: string[] = [];
  let asksInFlight = 0;
  const to = (level: LogLine['level']) => (facts: LogLine['facts'], message: string) => {
    lines.push({ level, facts, message });
  };
  const server = createGrpcServer({
    verbs: house.verbs,
    registrations: [registration('dev', KEY)],
    listen: ['127.0.0.1:0'],
    dev: true,
    digestAsk: (text) => text,
    now: Date.now,
    log: { info: to('info'), warn: to('warn'), error: to('error') },
    metrics: {
      inFlight: (delta) => {
        asksInFlight += delta;
      },
      countError: (reason) => errors.push(reason),
      countReport: () => {},
    },
    ...options,
  });
  const addresses = await server.listen();
  onTestFinished(() => server.drain(200));
  const client = (channel = credentials.createInsecure(), channelOptions: ChannelOptions = {}): Client => {
    const made = new Client(addresses[0] ?? '', channel, channelOptions);
    onTestFinished(() => made.close());
    return made;
  };
  let shared: Client | undefined;
  return Object.assign(house, {
    server,
    addresses,
    lines,
    errors,
    inFlight: () => asksInFlight,
    client,
    call: (path: string, bytes: Uint8Array, how: CallOptions = {}) => {
      shared ??= client();
      return unaryCall(shared, path, bytes, how);
    },
  });
}

export interface CallOptions {
  /** `null`: none is shown. */
  readonly key?: string | null;
  readonly timeoutMs?: number;
}

export interface Reply {
  readonly code: string;
  readonly message: string;
  readonly bytes: Uint8Array;
  readonly reason: string;
  readonly facts: Readonly<Record<string, string>>;
  readonly fields: readonly { readonly field: string; readonly description: string }[];
  readonly retryDelayMs: number | undefined;
}

export const AUTHORIZE = '/assent.v1.AuthorizationService/Authorize';
export const STREAM = '/assent.v1.AuthorizationService/AuthorizeStream';
export const BATCH = '/assent.v1.AuthorizationService/BatchAuthorize';

export const asIs = (bytes: Buffer): Buffer => bytes;

export function bearer(key: string | null = KEY): Metadata {
  const metadata = new Metadata();
  if (key !== null) metadata.set('authorization', `Bearer ${key}`);
  return metadata;
}

export function unaryCall(
  client: Client,
  path: string,
  bytes: Uint8Array,
  how: CallOptions = {},
): Promise<Reply> {
  return new Promise((resolve) => {
    const deadline = Date.now() + (how.timeoutMs ?? 10_000);
    client.makeUnaryRequest(
      path,
      asIs,
      asIs,
      Buffer.from(bytes),
      bearer(how.key),
      { deadline },
      (error, answer) => {
        resolve(error === null ? replyOk(answer ?? Buffer.alloc(0)) : replyOf(error));
      },
    );
  });
}

function replyOk(bytes: Buffer): Reply {
  return { code: 'OK', message: '', bytes, reason: '', facts: {}, fields: [], retryDelayMs: undefined };
}

export function replyOf(error: ServiceError): Reply {
  const raw = error.metadata?.get('grpc-status-details-bin')[0];
  const plain = { ...replyOk(Buffer.alloc(0)), code: status[error.code] ?? '', message: error.details };
  return raw instanceof Buffer ? { ...plain, ...detailsOf(fromBinary(StatusSchema, raw)) } : plain;
}

/** What a status says, in a trailer or in a slot. */
export function detailsOf({ code, message, details }: Status): Omit<Reply, 'bytes'> {
  const info = details.map((any) => anyUnpack(any, ErrorInfoSchema)).find((found) => found !== undefined);
  const bad = details.map((any) => anyUnpack(any, BadRequestSchema)).find((found) => found !== undefined);
  const retry = details.map((any) => anyUnpack(any, RetryInfoSchema)).find((found) => found !== undefined);
  return {
    code: status[code] ?? '',
    message,
    reason: info?.domain === 'assent' ? info.reason : '',
    facts: info?.metadata ?? {},
    fields: (bad?.fieldViolations ?? []).map(({ field, description }) => ({ field, description })),
    retryDelayMs: retry?.retryDelay && Number(retry.retryDelay.seconds) * 1000 + retry.retryDelay.nanos / 1e6,
  };
}

/** Waits for something that other parts bring about; fails by name, not by the test's timeout. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const end = Date.now() + 5000;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
