import type { Command } from 'commander';
import { collect, durationMs, pairs } from './arguments.ts';
import { type CommonOptions, command, run } from './command.ts';
import { type ConnectOptions, withClient, withConnection } from './connect.ts';
import {
  DEFAULT_AGENT,
  type DevAgent,
  freshProofKey,
  mintDevChain,
  mintDevToken,
  thumbprintOf,
} from './dev-material.ts';
import { UsageError } from './exit.ts';
import { print } from './output.ts';

interface TokenOptions extends CommonOptions {
  readonly sub: string;
  readonly act: string | false;
  readonly client: string;
  readonly scope: string;
  readonly expiresIn: string;
  readonly dpop?: boolean;
  readonly method?: string;
  readonly url?: string;
  readonly agentCert?: string;
}

const EXAMPLE = `npx assent token --sub ana --act payer > token.jwt
npx assent token --dpop --method POST --url https://tools.example/pay --json`;

export function tokenCommand(): Command {
  return command('token', 'mint an access token of the development issuer', EXAMPLE)
    .option('--sub <id>', 'subject: whose authority is used', DEFAULT_AGENT.sub)
    .option('--act <id>', 'actor: the agent that acts', DEFAULT_AGENT.act)
    .option('--no-act', 'the subject acts itself')
    .option('--client <id>', 'OAuth client that got the token', DEFAULT_AGENT.client)
    .option('--scope <scopes>', 'scopes, separated by blanks', DEFAULT_AGENT.scope)
    .option('--expires-in <duration>', 'lifetime: `90s`, `15m`, `1h`', '15m')
    .option('--dpop', 'bind it to a fresh key, and print a proof for one request beside it')
    .option('--method <method>', 'with --dpop: HTTP method of that request (default: POST)')
    .option('--url <url>', 'with --dpop: its URL (required)')
    .option('--agent-cert <file>', 'bind it to this certificate (PEM), with which the agent comes')
    .enablePositionalOptions()
    .addCommand(hopCommand())
    .action(run(mint));
}

async function mint(options: TokenOptions): Promise<void> {
  const { sub, act, client, scope, method, url, agentCert } = options;
  const agent: DevAgent = { sub, client, scope, ...(act === false ? {} : { act }) };
  const lifetimeMs = durationMs(options.expiresIn, '--expires-in');
  const bound = agentCert === undefined ? {} : { certificate: thumbprintOf(agentCert) };
  if (options.dpop !== true) {
    if (url !== undefined || method !== undefined)
      throw new UsageError('--url and --method are those of a proof: give --dpop too');
    const token = await mintDevToken(agent, { lifetimeMs, ...bound });
    print(options.json, { token, agent, expires_in_s: lifetimeMs / 1000 }, [token]);
    return;
  }
  if (url === undefined) throw new UsageError('--dpop needs --url: a proof is for one request');
  const key = freshProofKey();
  const token = await mintDevToken(agent, { lifetimeMs, jkt: key.jkt, ...bound });
  const shownMethod = method ?? 'POST';
  const proof = await key.prove(token, shownMethod, url);
  print(options.json, { token, proof, method: shownMethod, url, jkt: key.jkt, agent }, [
    `token: ${token}`,
    `proof: ${proof}`,
  ]);
}

interface HopOptions extends CommonOptions, ConnectOptions {
  readonly session?: string;
  readonly from?: string;
  readonly to?: string;
  readonly action?: readonly string[];
  readonly limit?: readonly string[];
  readonly parent?: string;
  readonly expiresIn: string;
}

const HOP_EXAMPLE = `npx assent token hop --session 8a1f… --from orchestrator --to payer --action 'invoice.*' > chain.jwt
npx assent ask invoice.read --session 8a1f… --chain-file chain.jwt --arg invoice=INV-17

A further hop names its parent, and goes into the same file below it: the whole chain is shown with an ask.
npx assent token hop --session 8a1f… --from payer --to auditor --action invoice.read \\
  --parent "$(tail -n 1 chain.jwt)" >> chain.jwt
npx assent ask invoice.read --as auditor --session 8a1f… --chain-file chain.jwt --arg invoice=INV-17`;

/** Signs one hop of a delegation chain with a development agent's key. */
function hopCommand(): Command {
  return withConnection(command('hop', 'sign one hop of a delegation chain', HOP_EXAMPLE))
    .option('--session <id>', 'session whose mandate it hands on (required)')
    .option('--from <agent>', 'development agent that delegates (required)')
    .option('--to <agent>', 'agent that it delegates to (required)')
    .option('--action <pattern>', 'action handed on; repeatable (required)', collect)
    .option('--limit <budget=amount>', 'what is left of a budget; repeatable', collect)
    .option(
      '--parent <hop>',
      'the hop that gave `--from` its authority; it must stand before this one in the chain file',
    )
    .option('--expires-in <duration>', 'lifetime', '15m')
    .action(
      run(async (options: HopOptions) => {
        const { session, from, to, action, parent } = options;
        if (session === undefined || from === undefined || to === undefined || action === undefined)
          throw new UsageError('a hop needs --session, --from, --to and at least one --action');
        const { mandateDigest, mandate } = await withClient(options, (client) => client.getSession(session));
        const lifetimeMs = durationMs(options.expiresIn, '--expires-in');
        const hop = { from, to, actions: action, limits: pairs(options.limit, '--limit'), lifetimeMs };
        const anchor = { mandateDigest, task: mandate.taskType, ...(parent === undefined ? {} : { parent }) };
        const [signed = ''] = await mintDevChain([hop], anchor);
        print(options.json, { hop: signed }, [signed]);
      }),
    );
}
