import type { Command } from 'commander';
import type { Ask, Permission } from '../client/client.ts';
import { collect, durationMs, jsonObject, readText, toolArguments } from './arguments.ts';
import { type CommonOptions, command, run } from './command.ts';
import { type ConnectOptions, laneOf, reachHint, unreached, withClient, withConnection } from './connect.ts';
import { DEFAULT_AGENT, mintDevToken, thumbprintOf } from './dev-material.ts';
import { EXIT_HELP, exitOfPermission, UsageError } from './exit.ts';
import { print, strong } from './output.ts';
import { withProgress } from './progress.ts';

interface Options extends CommonOptions, ConnectOptions {
  readonly session?: string;
  readonly args?: string;
  readonly arg?: readonly string[];
  readonly resource?: string;
  readonly tokenFile?: string;
  readonly proofFile?: string;
  readonly method?: string;
  readonly url?: string;
  readonly as?: string;
  readonly agentCert?: string;
  readonly chainFile?: readonly string[];
  readonly operation?: string;
  readonly claim?: string;
  readonly timeout?: string;
  readonly dryRun?: boolean;
  readonly stream?: boolean;
}

/** The most that the server grants. */
const MAX_TIMEOUT_MS = 5000;

const EXAMPLE = `npx assent ask invoice.read --session 8a1f… --arg invoice=INV-17 --resource invoice/INV-17
npx assent ask exchange_rate.read --arg from=EUR --arg to=USD`;

export function askCommand(): Command {
  return withConnection(command('ask', 'ask whether an agent may do something now', EXAMPLE))
    .argument('<action>', 'name in the catalog, such as `payment.send`')
    .option('--session <id>', 'the session that this is a step of; absent: a stateless ask')
    .option(
      '--arg <name=text>',
      'argument of the tool call; `name:=json` for other than text; repeatable',
      collect,
    )
    .option('--args <json>', 'all arguments as a JSON object, or `@file`')
    .option('--resource <type/id>', 'what it is done to')
    .option('--token-file <file>', "the agent's access token; absent: a development token is minted")
    .option('--proof-file <file>', 'its proof of possession (DPoP); with --url, and --method')
    .option('--method <method>', 'HTTP method that the proof was made for (default: POST)')
    .option('--url <url>', 'URL that the proof was made for')
    .option('--agent-cert <file>', 'certificate (PEM) with which the agent came, for a token bound to it')
    .option(
      '--as <agent>',
      `without --token-file: the agent that the development token is minted for (default: ${DEFAULT_AGENT.act})`,
    )
    .option('--chain-file <file>', 'delegation chain: all its hops, one a line, root first', collect)
    .option('--operation <id>', 'the intended effect: asked again, it is no duplicate')
    .option('--claim <json>', 'what the caller asserts, a JSON object')
    .option('--timeout <duration>', 'how long to wait, at most `5s` (default: 5s)')
    .option('--dry-run', 'judge, but commit and spend nothing')
    .option('--stream', 'ask over the stream lane')
    .addHelpText('after', EXIT_HELP)
    .action(
      run(async (action: string, options: Options) => {
        const ask = await askOf(action, options);
        const lane = await laneOf(options);
        const started = performance.now();
        const permission = await withProgress(
          'asking',
          () => withClient(options, (client) => client.authorize(ask), lane),
          options.json,
        );
        const lines = permissionLines(action, permission, performance.now() - started);
        const hint = unreached(permission.failure) ? [`  ${reachHint(options)}`] : [];
        print(options.json, permission, [...lines, ...hint]);
        return exitOfPermission(permission);
      }),
    );
}

async function askOf(action: string, options: Options): Promise<Ask> {
  const { session, tokenFile, chainFile, operation, claim, timeout, resource } = options;
  const slash = resource?.indexOf('/') ?? 1;
  if (slash < 1)
    throw new UsageError(
      `--resource is of the form \`type/id\`, such as \`invoice/INV-17\`, not \`${resource}\``,
    );
  if (tokenFile !== undefined && options.as !== undefined)
    throw new UsageError('--as is for a minted token, and --token-file brings its own: give one');
  const agent = options.as === undefined ? DEFAULT_AGENT : { ...DEFAULT_AGENT, act: options.as };
  return {
    action,
    arguments: toolArguments(options.args, options.arg),
    token: withProof(
      tokenFile === undefined ? await mintDevToken(agent) : readText(tokenFile).trim(),
      options,
    ),
    dryRun: options.dryRun ?? false,
    ...(session === undefined ? {} : { session }),
    ...(resource === undefined
      ? {}
      : { resource: { type: resource.slice(0, slash), id: resource.slice(slash + 1) } }),
    ...(chainFile === undefined
      ? {}
      : { chain: chainFile.flatMap((file) => readText(file).split(/\s+/).filter(Boolean)) }),
    ...(operation === undefined ? {} : { operationId: operation }),
    ...(claim === undefined ? {} : { claimed: jsonObject(claim, '--claim') }),
    ...(timeout === undefined ? {} : { timeoutMs: timeoutOf(timeout) }),
    ...(options.agentCert === undefined ? {} : { certificateThumbprint: thumbprintOf(options.agentCert) }),
  };
}

function timeoutOf(text: string): number {
  const ms = durationMs(text, '--timeout');
  if (ms > MAX_TIMEOUT_MS)
    throw new UsageError(`--timeout is at most \`5s\`, not \`${text}\`: no answer is of use later`);
  return ms;
}

function withProof(token: string, { proofFile, tokenFile, method, url }: Options): Ask['token'] {
  if (proofFile === undefined) {
    if (url !== undefined || method !== undefined)
      throw new UsageError('--url and --method are those of a proof: give --proof-file too');
    return token;
  }
  if (tokenFile === undefined)
    throw new UsageError(
      '--proof-file needs --token-file: a proof is for the token that is bound to its key',
    );
  if (url === undefined) throw new UsageError('--proof-file needs --url: a proof is for one request');
  return { token, proof: readText(proofFile).trim(), method: method ?? 'POST', url };
}

/** What was said, or would be; an allow that the client withheld is none. */
function headline({ effect, decision, permitted }: Permission): string {
  if (decision?.dryRun) return `would be ${decision.effect}`;
  return effect === 'allow' && !permitted ? 'not permitted' : effect;
}

function permissionLines(action: string, permission: Permission, ms: number): string[] {
  const { reasons, decision, permitted } = permission;
  const lines = [`${strong(headline(permission))}  ${action}  ${ms.toFixed(1)} ms`];
  // What to do about a reason is of use only where it stands in the way.
  for (const { code, words, remedy, reviewers } of reasons)
    lines.push(`  ${code}: ${words}${permitted ? '' : ` (${[remedy, ...reviewers].join(' ')})`}`);
  if (decision === undefined) return lines;
  for (const { name } of decision.obligations) lines.push(`  obligation: ${name}`);
  if (decision.retryDelayMs !== undefined) lines.push(`  ask again in: ${decision.retryDelayMs} ms`);
  if (decision.challenge !== '') lines.push(`  challenge: ${decision.challenge}`);
  lines.push(`  decision: ${decision.id}${decision.replayed ? ' (an earlier answer again)' : ''}`);
  if (decision.executionKey !== '') lines.push(`  execution key: ${decision.executionKey}`);
  if (decision.causeId !== '') lines.push(`  cause: ${decision.causeId}`);
  for (const [path, origin] of Object.entries(decision.provenance))
    lines.push(`  ${path} comes from: ${origin}`);
  return lines;
}
