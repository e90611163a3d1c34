import type { Command } from 'commander';
import type { Client } from '../client/client.ts';
import { type CommonOptions, command, run } from './command.ts';
import { type ConnectOptions, laneOf, withClient, withConnection } from './connect.ts';
import { EXIT, EXIT_HELP, UsageError } from './exit.ts';
import { print, say, strong } from './output.ts';
import { play } from './play.ts';
import type { Played, PlayedStep } from './played.ts';
import { withProgress } from './progress.ts';
import { readScenarios, type Scenario } from './scenario.ts';

interface Options extends CommonOptions, ConnectOptions {
  readonly only?: string;
  readonly stream?: boolean;
}

const EXAMPLE = `npx assent serve --dev      in one terminal
npx assent demo             in another, in the same folder
npx assent demo --only duplicate-payment --json`;

export function demoCommand(): Command {
  const description = 'play six attacks on a finance agent whose token is valid every time';
  return withConnection(command('demo', description, EXAMPLE))
    .option('--only <name>', 'play one scenario')
    .option('--stream', 'ask over the stream lane')
    .addHelpText(
      'after',
      `${EXIT_HELP}\n\nThe demo ends with 0 only if every session came out as named, else with 1.`,
    )
    .action(
      run(async (options: Options) => {
        const scenarios = chosen(readScenarios(), options.only);
        const lane = await laneOf(options);
        const played = await withClient(options, (client) => playAll(scenarios, client, options.json), lane);
        const good = played.filter(({ as_named }) => as_named).length;
        const lines = options.json === true ? [] : summary(played);
        print(options.json, { as_named: good, of: played.length, scenarios: played }, lines);
        return good === played.length ? EXIT.ok : EXIT.failed;
      }),
    );
}

async function playAll(
  scenarios: readonly Scenario[],
  client: Client,
  json: boolean | undefined,
): Promise<readonly Played[]> {
  const played: Played[] = [];
  for (const [index, scenario] of scenarios.entries()) {
    say(json, `\n${index + 1}  ${strong(scenario.title)}\n   ${scenario.story}`);
    const onStep = (step: PlayedStep): void => {
      for (const line of stepLines(step)) say(json, line);
    };
    played.push(
      await withProgress(`playing ${scenario.name}`, () => play(scenario, { client, onStep }), json),
    );
  }
  return played;
}

function chosen(scenarios: readonly Scenario[], only: string | undefined): readonly Scenario[] {
  if (only === undefined) return scenarios;
  const found = scenarios.filter(({ name }) => name === only);
  if (found.length === 0)
    throw new UsageError(
      `there is no scenario \`${only}\`: it is one of ${scenarios.map(({ name }) => name).join(', ')}`,
    );
  return found;
}

/** One line a step; equal answers of repeats are counted on one line. */
function stepLines({ label, note, asks, problems, headline }: PlayedStep): string[] {
  const lines: string[] = [];
  const remark = note === undefined ? '' : `  (${note})`;
  if (asks.length === 0) lines.push(`   ·         ${label}${remark}`);
  for (let i = 0; i < asks.length; ) {
    const { effect, codes } = asks[i] ?? { effect: 'deny', codes: [] };
    let end = i + 1;
    while (end < asks.length && asks[end]?.effect === effect && asks[end]?.codes.join() === codes.join())
      end += 1;
    const same = asks.slice(i, end);
    const us = Math.round(same.reduce((sum, ask) => sum + ask.us, 0) / same.length);
    const times = same.length === 1 ? '' : ` × ${same.length}`;
    const mark = headline && effect !== 'allow' ? '▸' : ' ';
    lines.push(
      `  ${mark}${effect.padEnd(10)}${`${label}${times}`.padEnd(24)}${`${us} µs`.padStart(9)}  ${codes.join(' ')}${i === 0 ? remark : ''}`.trimEnd(),
    );
    i = end;
  }
  for (const problem of problems) lines.push(`   ! ${problem}`);
  return lines;
}

function summary(played: readonly Played[]): string[] {
  const lines = played.map(({ name, as_named, steps }) => {
    const headline = steps.find((step) => step.headline)?.asks.at(-1);
    const said = headline === undefined ? '' : [headline.effect, ...headline.codes].join(' ');
    return `  ${as_named ? 'ok  ' : 'FAIL'}  ${name.padEnd(22)}${said}`;
  });
  const good = played.filter(({ as_named }) => as_named).length;
  const times = played.flatMap(({ steps }) => steps.flatMap(({ asks }) => asks.map(({ us }) => us)));
  const median = times.sort((a, b) => a - b)[times.length >> 1] ?? 0;
  return [
    '',
    ...lines,
    '',
    `${good} of ${played.length} came out as named; ${times.length} asks, half of them answered within ${median} µs`,
  ];
}
