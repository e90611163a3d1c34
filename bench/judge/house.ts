/** A house for the judge: throwaway keys, the mapped catalog, the judge's bundle; in process, or behind its server. */
import { createPrivateKey, hash, type JsonWebKey, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '../../src/client/client.ts';
import { parseConfig } from '../../src/config.ts';
import { DEV_AUDIENCE, DEV_ISSUER, prepareDev } from '../../src/dev.ts';
import { assemble, type House, serve } from '../../src/main.ts';
import { type Ask, type Pep, ROLES } from '../../src/model/ask.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { mintAccessToken } from '../../src/token/mint.ts';
import type { Answer, Asked, Pdp } from './pdp.ts';
import type { Person } from './people.ts';

/** As the development server registers its one enforcement point. */
const PEP: Pep = { id: 'dev', tenant: 'dev', roles: new Set(ROLES) };
const DEADLINE_MS = 5000;
const TOKEN_SECONDS = 3000;
/** Characters of a tool's error, and bytes of its output; the client cuts as well. */
const MAX_PROOF = 200;
const MAX_OUTPUT = 512 * 1024;

export interface Opened {
  readonly pdp: Pdp;
  close(): Promise<void>;
}

export interface Site {
  /** Agent and principal of a session, as the issuer says them now. */
  mint(person: Person): Promise<string>;
  openInProcess(): Promise<Opened>;
  /** The same store and keys behind gRPC on loopback; the house in process must be closed. */
  openOverWire(): Promise<Opened>;
}

export interface SiteContent {
  readonly catalog: string;
  readonly bundle: Uint8Array;
}

/** Makes everything that a house needs below an empty directory. */
export function prepareSite(directory: string, { catalog, bundle }: SiteContent): Site {
  mkdirSync(directory, { recursive: true });
  const dev = join(directory, 'dev');
  const own = {
    catalog: join(directory, 'catalog.json'),
    policy: { bundle: join(directory, 'judge.bundle') },
    record_log: { directory: join(directory, 'records'), durability: 'os' },
    telemetry: { log_level: 'error' },
  };
  writeFileSync(own.catalog, catalog);
  writeFileSync(own.policy.bundle, bundle);
  const raw = { ...prepareDev(dev), ...own };
  const file = join(directory, 'config.json');
  writeFileSync(file, JSON.stringify(own));
  const issuer = createPrivateKey({
    key: JSON.parse(readFileSync(join(dev, 'issuer.jwk'), 'utf8')) as JsonWebKey,
    format: 'jwk',
  });
  return {
    mint: ({ principal, agent }) => {
      const iat = Math.floor(Date.now() / 1000);
      const claims = {
        iss: DEV_ISSUER,
        aud: DEV_AUDIENCE,
        sub: principal,
        client_id: 'judge',
        scope: 'agent',
        iat,
        exp: iat + TOKEN_SECONDS,
        jti: randomUUID(),
        act: { iss: DEV_ISSUER, sub: agent },
      };
      return mintAccessToken({ privateKey: issuer, kid: 'dev-issuer', alg: 'ES256', claims });
    },
    async openInProcess() {
      const house = await assemble(parseConfig({ raw, flags: {}, env: {}, dev: true }), createLog('error'));
      return { pdp: inProcess(house), close: () => house.close() };
    },
    async openOverWire() {
      const warn = console.warn;
      const serving = await serve({
        config: file,
        dev: true,
        devDirectory: dev,
        listen: '127.0.0.1:0',
        env: { ASSENT_LOG_LEVEL: 'error' },
      });
      const key = readFileSync(join(dev, 'pep.key'), 'utf8');
      const client = createClient({
        address: serving.addresses[0] ?? '',
        key,
        lane: 'stream',
        timeoutMs: DEADLINE_MS,
      });
      return {
        pdp: overWire(client),
        async close() {
          client.close();
          await serving.stop();
          console.warn = warn;
        },
      };
    },
  };
}

function inProcess({ verbs }: House): Pdp {
  return {
    open: async (mandate) => (await verbs.sessions.open(PEP, mandate, undefined)).id,
    async amend(session, mandate) {
      await verbs.sessions.amend(PEP, session, mandate);
    },
    async ask(asked): Promise<Answer> {
      const { effect, reasons, provenance, id } = await verbs.decide(askOf(asked));
      return { effect, codes: reasons.map(({ code }) => code), provenance: { ...provenance }, id };
    },
    async report({ decision, session, error, output }) {
      const json = typeof output !== 'string';
      const bytes = Buffer.from(json ? JSON.stringify(output) : output.toWellFormed());
      await verbs.report({
        pep: PEP,
        decisionId: decision,
        sessionId: session,
        outcome: error === null ? 'executed' : 'failed',
        output: bytes.subarray(0, MAX_OUTPUT),
        mediaType: json ? 'application/json' : 'text/plain',
        truncated: bytes.length > MAX_OUTPUT || (!json && !output.isWellFormed()),
        failureProof: proofOf(error),
      });
    },
    async close(session) {
      await verbs.sessions.close(PEP, session);
    },
  };
}

/** The tool's own word that nothing took place; the contract bounds it. */
function proofOf(error: string | null): string {
  return error === null ? '' : error.toWellFormed().slice(0, MAX_PROOF);
}

function askOf({ session, action, resource, args, token }: Asked): Ask {
  const requestId = uuid7();
  return {
    pep: PEP,
    requestId,
    action,
    resource: { ...resource, properties: {} },
    args,
    credential: { scheme: 'bearer', token },
    session: { kind: 'id', id: session },
    chain: [],
    claimed: {},
    deadline: Date.now() + DEADLINE_MS,
    dryRun: false,
    // Nothing is ever asked twice under one request id.
    digest: hash('sha256', requestId, 'base64url'),
    proofScope: [],
  };
}

/** RFC 9562 §5.7. */
function uuid7(): string {
  const time = Date.now().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

function overWire(client: ReturnType<typeof createClient>): Pdp {
  return {
    open: async (mandate) => (await client.openSession(mandate)).id,
    async amend(session, mandate) {
      await client.amendSession(session, mandate);
    },
    async ask({ session, action, resource, args, token }): Promise<Answer> {
      const { decision, effect, reasons } = await client.authorize({
        session,
        action,
        resource,
        arguments: args,
        token,
      });
      const codes = reasons.map(({ code }) => code);
      return { effect, codes, provenance: { ...decision?.provenance }, id: decision?.id ?? '' };
    },
    async report({ decision, session, error, output }) {
      await client.report({
        decisionId: decision,
        sessionId: session,
        outcome: error === null ? 'executed' : 'failed',
        output,
        failureProof: proofOf(error),
      });
    },
    async close(session) {
      await client.closeSession(session);
    },
  };
}
