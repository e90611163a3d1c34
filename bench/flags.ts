import { parseArgs } from 'node:util';

type Options = Readonly<Record<string, { readonly type: 'boolean' | 'string' }>>;
type Flags<O extends Options> = { readonly [K in keyof O]?: O[K]['type'] extends 'boolean' ? true : string };

/**
 * Reads the command line. `--help` prints the usage and ends the process with 0; what cannot be taken is told as
 * `refuseFlags` does.
 */
export function readFlags<O extends Options>(usage: string, options: O): Flags<O> {
  const { values, tokens } = parseArgs({ options: { ...options }, strict: false, tokens: true });
  if (values['help'] !== undefined) {
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  }
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    const typed = token.kind === 'option' ? token.rawName : token.value;
    const option = token.kind === 'option' ? options[token.name] : undefined;
    if (option === undefined) refuseFlags(`\`${typed}\` is not known`);
    const valued = token.kind === 'option' && token.value !== undefined;
    if (valued !== (option.type === 'string')) refuseFlags(`\`${typed}\` takes ${valued ? 'no' : 'a'} value`);
  }
  return values as Flags<O>;
}

/** Tells in one line what is wrong with the command line, and ends the process with 2: nothing was begun. */
export function refuseFlags(problem: string): never {
  process.stderr.write(`${problem}: --help says what may be given\n`);
  process.exit(2);
}
