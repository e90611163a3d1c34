/** Stands still right after another revision came into force; prints nothing but the watchdog's line. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createSign } from '../../src/telemetry/sign.ts';
import { createWatchdog } from '../../src/telemetry/watchdog.ts';

// Much longer than the wait below, so that no beat falls between the two.
const STALL_MS = 6000;

const revision = createSign();
revision.show('the-first');
createWatchdog({ stallMs: STALL_MS, logLevel: 'error', revision });
// A beat or more: the watcher has begun.
await sleep(STALL_MS / 10);
revision.show(process.argv[2] ?? '');
for (;;);
