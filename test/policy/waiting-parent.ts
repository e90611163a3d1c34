/** Run by itself: waits for a toolchain that never ends, whose file and deadline (ms) it is given. */
import { runToolchain } from '../../src/policy/compile-run.ts';

const [, , program = '', deadlineMs = ''] = process.argv;
const run = runToolchain(program, '', { deadlineMs: Number(deadlineMs), memoryMib: 16 });
process.stdout.write('started\n');
await run;
