import { Command } from 'commander';
import { EXIT, type ExitCode } from './exit.ts';
import { fail } from './output.ts';

/** What every command takes. */
export interface CommonOptions {
  readonly json?: boolean;
}

/** A command with `--json` and an example. */
export function command(name: string, description: string, example: string): Command {
  return new Command(name)
    .description(description)
    .option('--json', 'print the result as JSON')
    .addHelpText('after', `\nExample:\n${example.replace(/^/gm, '  ')}`);
}

/**
 * Runs a command: what it resolves with is the exit code, nothing is 0; a throw is told on stderr. The exit
 * code is set and the process left to end by itself, so that nothing written is lost.
 */
export function run<A extends readonly unknown[]>(
  // biome-ignore lint/suspicious/noConfusingVoidType: most commands have nothing to resolve with
  work: (...args: A) => Promise<ExitCode | void>,
): (this: Command, ...args: A) => Promise<void> {
  return async function (...args) {
    try {
      process.exitCode = (await work(...args)) ?? EXIT.ok;
    } catch (cause) {
      process.exitCode = fail(this.opts<CommonOptions>().json, cause);
    }
  };
}
