/** The walk without a transport: bytes decoded, decided, committed, sealed, encoded; and the policy alone. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { parseConfig } from '../src/config.ts';
import { AuthorizeResponseSchema, Effect } from '../src/gen/assent/v1/authorization_pb.js';
import type { Mandate as WireMandate } from '../src/gen/assent/v1/mandate_pb.js';
import { assemble } from '../src/main.ts';
import { ROLES } from '../src/model/ask.ts';
import { parseJson } from '../src/model/json.ts';
import { createKeyedDigest } from '../src/model/keyed-digest.ts';
import { readBundle } from '../src/policy/bundle.ts';
import { buildImage, createEvaluator } from '../src/policy/opa.ts';
import { compileModule } from '../src/policy/start.ts';
import { createLog } from '../src/telemetry/log.ts';
import { decodeAsk } from '../src/wire/grpc/decode.ts';
import { encodeResponse } from '../src/wire/grpc/encode.ts';
import { decodeMandate } from '../src/wire/grpc/mandate.ts';
import type { Sizes } from './report.ts';
import { LIFTED, type World } from './world.ts';

export interface Walk {
  open(mandate: WireMandate): Promise<{ readonly id: string; readonly mandateDigest: string }>;
  answer(request: Uint8Array): Promise<Uint8Array>;
  /** The policy alone, on inputs that the walk judged. */
  evaluations(): { readonly name: string; readonly once: () => void }[];
  /** Bytes of the last small ask and of its answer. */
  sizes(): Sizes;
  close(): Promise<void>;
}

const MAXIMUM_PAGES = 1024;
const PEP = { id: 'dev', tenant: 'dev', roles: new Set(ROLES) };

/** Assembles the house with the embedded store below `directory`. */
export async function openWalk(world: World, directory: string): Promise<Walk> {
  const raw = {
    ...world.raw,
    store: join(directory, 'assent.db'),
    record_log: { directory: join(directory, 'records'), durability: 'os' },
    telemetry: { log_level: 'error' },
  };
  const config = parseConfig({ raw, flags: {}, env: {}, dev: true });
  const house = await assemble(config, createLog('error'));
  const digestAsk = createKeyedDigest(config.fleetKey, 'ask');
  const { policies } = house.verbs;
  for (const [path, text] of LIFTED) {
    const read = () => ({ value: parseJson(text, { maxDepth: 4 }) });
    await policies.patch(PEP, path, { bytes: text.length, read, gone: () => false }, undefined);
  }
  const inForce = await policies.data(PEP, '');

  const { manifest, wasm } = await readBundle(
    readFileSync(new URL('../policies/finance.bundle', import.meta.url)),
  );
  if (manifest.name !== 'finance') throw new Error('the bench judges by the finance bundle');
  const module = await compileModule(wasm);
  const text = new TextEncoder().encode(JSON.stringify(inForce.value));
  const evaluator = await createEvaluator(module, buildImage(module, text, MAXIMUM_PAGES), MAXIMUM_PAGES);

  const inputs = new Map<string, string>();
  let sizes = { request: 0, answer: 0 };
  return {
    async open(mandate) {
      const { id, mandateDigest } = await house.verbs.sessions.open(
        PEP,
        decodeMandate(mandate, 'mandate', Date.now()),
        undefined,
      );
      return { id, mandateDigest };
    },
    async answer(request) {
      const at = Date.now();
      const ask = decodeAsk(request, { pep: PEP, at, callDeadline: at + 5000, field: '', digestAsk });
      const answer = encodeResponse({ ask, decision: await house.verbs.decide(ask) });
      const name = `${request.length < 2048 ? 1 : 4} KB input`;
      if (inputs.has(name)) return answer;
      const { decision } = fromBinary(AuthorizeResponseSchema, answer);
      const input = decision?.details?.inputJson;
      if (input !== undefined && decision?.effect === Effect.ALLOW) {
        inputs.set(name, Buffer.from(input).toString('utf8'));
        if (request.length < 2048) sizes = { request: request.length, answer: answer.length };
      }
      return answer;
    },
    evaluations: () =>
      [...inputs].map(([name, input]) => ({
        name: `evaluate: ${name}`,
        once() {
          if (!evaluator.evaluate(input).includes('"effect":"allow"'))
            throw new Error('the policy says otherwise');
        },
      })),
    sizes: () => sizes,
    close: () => house.close(),
  };
}
