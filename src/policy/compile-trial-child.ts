/** The child process of `compile-trial.ts`: one module, and its parent's word on what that may take. */
import { buffer } from 'node:stream/consumers';
import { deserialize, setFlagsFromString } from 'node:v8';
import { readBundle } from './bundle.ts';
import type { Compiled } from './compile-compare.ts';
import { MODULE, type TrialAnswer } from './compile-trial.ts';
import { compileModule } from './start.ts';
import { BundleError } from './tar.ts';

const MIB = 1024 * 1024;
/** Often enough that what is taken meanwhile is some ten MiB. */
const LOOK_MS = 2;
/** A section of its own with the name `x`: the engine would know the same bytes again, and not compile them. */
const UNLIKE = Buffer.from([0, 2, 1, 0x78]);

const [, , most = ''] = process.argv;
const compiled = deserialize(await buffer(process.stdin)) as Compiled;
process.stdout.write(JSON.stringify(await answerTo(compiled)));

async function answerTo(what: Compiled): Promise<TrialAnswer> {
  try {
    const { wasm } = 'bundle' in what ? await readBundle(what.bundle) : what;
    await bounded(async () => {
      await compileModule(wasm);
      setFlagsFromString('--no-liftoff');
      await compileModule(Buffer.concat([wasm, UNLIKE]));
    });
    return { kind: 'compiled' };
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    const file = cause instanceof BundleError ? (cause.file ?? '') : MODULE;
    return { kind: 'refused', problem: cause.message, file };
  }
}

/** The engine compiles on threads of its own while this one looks on. */
async function bounded(run: () => Promise<void>): Promise<void> {
  const bound = process.memoryUsage.rss() + Number(most) * MIB;
  // Not an exit, which waits for what is being compiled.
  const end = (bytes: number): unknown => bytes > bound && process.kill(process.pid, 'SIGKILL');
  const timer = setInterval(() => end(process.memoryUsage.rss()), LOOK_MS);
  try {
    await run();
  } finally {
    clearInterval(timer);
  }
  // What came and went between two looks.
  end(process.resourceUsage().maxRSS * 1024);
}
