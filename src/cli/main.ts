import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { askCommand } from './ask.ts';
import { closeCommand } from './close.ts';
import { demoCommand } from './demo.ts';
import { EXIT, EXIT_HELP } from './exit.ts';
import { openCommand } from './open.ts';
import { policyCommand } from './policy.ts';
import { reportCommand } from './report.ts';
import { serveCommand } from './serve.ts';
import { sessionsCommand } from './sessions.ts';
import { tokenCommand } from './token.ts';

/** The command line with all its commands. */
export function createProgram(): Command {
  const program = new Command('assent')
    .description('May this agent do this now? A policy decision point for AI agents.')
    .version(version(), '-V, --version')
    .addHelpText(
      'after',
      `
Start here:
  assent serve --dev      in one terminal
  assent demo             in another, in the same folder

Environment:
  ASSENT_ADDRESS          server to talk to
  ASSENT_KEY_FILE         file with the enforcement point's key
${EXIT_HELP}`,
    );
  for (const make of [
    serveCommand,
    demoCommand,
    openCommand,
    askCommand,
    reportCommand,
    closeCommand,
    sessionsCommand,
    tokenCommand,
    policyCommand,
  ])
    program.addCommand(make());
  return withoutExit(program);
}

/** Runs it. `argv` as node gives it; the exit code is left in `process.exitCode`. */
export async function main(argv: readonly string[]): Promise<void> {
  // A reader such as `head` that has seen enough is no failure of ours.
  process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EPIPE') throw cause;
    process.exit();
  });
  try {
    await createProgram().parseAsync([...argv]);
  } catch (cause) {
    if (!(cause instanceof CommanderError)) throw cause;
    // Commander has said what is wrong; asking for help is no mistake.
    process.exitCode = cause.exitCode === 0 ? EXIT.ok : EXIT.failed;
  }
}

/** Throwing instead of leaving at once lets what was written reach its reader. */
function withoutExit(command: Command): Command {
  for (const inner of command.commands) withoutExit(inner);
  return command.showHelpAfterError('(add --help for what the command takes)').exitOverride();
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
