/** The child process of `compile-trial.ts`: one module, and its parent's word on what that may take. */
import { buffer } from 'node:stream/consumers';
import { deserialize, setFlagsFromString } from 'node:v8';
import { readModule } from './bundle.ts';
import { watchParent } from './child-watch.ts';
import { MODULE, type TrialAnswer, type Untried } from './compile-trial.ts';
import { compileModule } from './start.ts';
import { BundleError } from './tar.ts';

const MIB = 1024 * 1024;
/** A section of its own with the name `x`: the engine would know the same bytes again, and not compile them. */
const UNLIKE = Buffer.from([0, 2, 1, 0x78]);

const [, , , most = '', lookMs = ''] = process.argv;
await watchParent();
process.stdout.write(JSON.stringify(await bounded(answer)));

async function answer(): Promise<TrialAnswer> {
  try {
    const untried = deserialize(await buffer(process.stdin)) as Untried;
    const wasm = 'bundle' in untried ? await readModule(untried.bundle) : untried.wasm;
    await compileModule(wasm);
    setFlagsFromString('--no-liftoff');
    await compileModule(Buffer.concat([wasm, UNLIKE]));
    return { kind: 'compiled' };
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    const file = cause instanceof BundleError ? (cause.file ?? '') : MODULE;
    return { kind: 'refused', problem: cause.message, file };
  }
}

/** The engine compiles on threads of its own while this one looks on. */
async function bounded<T>(run: () => Promise<T>): Promise<T> {
  const bound = process.memoryUsage.rss() + Number(most) * MIB;
  // Not an exit, which waits for what is being compiled.
  const end = (bytes: number): unknown => bytes > bound && process.kill(process.pid, 'SIGKILL');
  const timer = setInterval(() => end(process.memoryUsage.rss()), Number(lookMs));
  const done = await run();
  clearInterval(timer);
  // What came and went between two looks.
  end(process.resourceUsage().maxRSS * 1024);
  return done;
}
