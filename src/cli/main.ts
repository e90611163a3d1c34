import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { askCommand } from './ask.ts';
import { catalogCommand } from './catalog.ts';
import { closeCommand } from './close.ts';
import { parseWithIds, withoutMarks } from './dashed-ids.ts';
import { demoCommand } from './demo.ts';
import { EXIT, EXIT_HELP } from './exit.ts';
import { openCommand } from './open.ts';
import { printError } from './output.ts';
import { policyCommand } from './policy.ts';
import { reportCommand } from './report.ts';
import { serveCommand } from './serve.ts';
import { sessionsCommand } from './sessions.ts';
import { tokenCommand } from './token.ts';

/** The command line with all its commands. `json`: what is wrong with the words typed is not told as text. */
export function createProgram(json = false): Command {
  const program = new Command('assent')
    .description('May this agent do this now? A policy decision point for AI agents.')
    .version(version(), '-V, --version')
    // Else `close -Vx` would print the version, and seem to have closed something.
    .enablePositionalOptions()
    .addHelpText(
      'after',
      `
Start here:
  npx assent serve --dev      in one terminal
  npx assent demo             in another, in the same folder

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
    catalogCommand,
  ])
    program.addCommand(make());
  return withoutExit(program, json);
}

/** Runs it. `argv` as node gives it; the exit code is left in `process.exitCode`. */
export async function main(argv: readonly string[]): Promise<void> {
  // A reader such as `head` that has seen enough is no failure of ours.
  process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EPIPE') throw cause;
    process.exit();
  });
  const json = argv.includes('--json');
  try {
    await parseWithIds(createProgram(json), argv);
  } catch (cause) {
    if (!(cause instanceof CommanderError)) throw cause;
    // Asking for help is no mistake.
    const wrong = cause.exitCode !== 0;
    // For people commander has said what is wrong.
    if (wrong && json) printError({ message: withoutMarks(cause.message).replace(/^error: /, '') });
    process.exitCode = wrong ? EXIT.failed : EXIT.ok;
  }
}

/** Throwing instead of leaving at once lets what was written reach its reader. */
function withoutExit(command: Command, json: boolean): Command {
  for (const inner of command.commands) withoutExit(inner, json);
  const writeErr = json
    ? () => undefined
    : (words: string): void => void process.stderr.write(withoutMarks(words));
  command.configureOutput({ writeErr });
  return command.showHelpAfterError('(add --help for what the command takes)').exitOverride();
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
