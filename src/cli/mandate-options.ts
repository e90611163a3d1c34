import type { Command } from 'commander';
import type { MandateInput } from '../client/client.ts';
import { DEV_ISSUER } from '../dev.ts';
import { collect, durationMs, pairs } from './arguments.ts';
import { UsageError } from './exit.ts';

export interface MandateOptions {
  readonly task?: string;
  readonly purpose?: string;
  readonly action?: readonly string[];
  readonly declare?: readonly string[];
  readonly limit?: readonly string[];
  readonly expiresIn: string;
  readonly subject?: string;
  readonly actor?: string;
  readonly issuer: string;
}

/** Options that describe a mandate, for `open` and `sessions amend`. */
export function withMandate(command: Command): Command {
  return command
    .option('--task <type>', 'kind of task, such as `invoice_run` (required)')
    .option('--purpose <text>', "the user's own words: values that stand in them are the user's")
    .option(
      '--action <pattern>',
      'action that the task may need: a name, `prefix.*` or `*`; repeatable (required)',
      collect,
    )
    .option('--declare <name=value>', 'value that the user named; repeatable', collect)
    .option('--limit <budget=amount>', 'budget, a decimal number; repeatable', collect)
    .option('--expires-in <duration>', 'how long it lasts: `90s`, `30m`, `2h`', '1h')
    .option('--subject <id>', "whose authority it uses; absent: the first ask's token says it")
    .option('--actor <id>', "the agent that acts; absent: the first ask's token says it")
    .option('--issuer <url>', 'issuer of subject and actor', DEV_ISSUER);
}

/** @throws UsageError for what is missing or malformed */
export function mandateOf(options: MandateOptions): MandateInput {
  const { task, action, purpose, subject, actor, issuer } = options;
  if (task === undefined || action === undefined)
    throw new UsageError('a mandate needs --task and at least one --action');
  return {
    taskType: task,
    actions: action,
    declared: pairs(options.declare, '--declare'),
    limits: pairs(options.limit, '--limit'),
    expiresAt: Date.now() + durationMs(options.expiresIn, '--expires-in'),
    ...(purpose === undefined ? {} : { purpose }),
    ...(subject === undefined ? {} : { subject: { iss: issuer, id: subject } }),
    ...(actor === undefined ? {} : { actor: { iss: issuer, id: actor } }),
  };
}
