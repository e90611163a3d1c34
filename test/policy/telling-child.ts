/** Run by `runChild`: tells what it has of its parent's, and what it may. */
import { watchParent } from '../../src/policy/child-watch.ts';

await watchParent();
const may = (...asked: Parameters<typeof process.permission.has>) => process.permission.has(...asked);
process.stdout.write(
  JSON.stringify({
    env: process.env,
    may: { read: may('fs.read', '/'), write: may('fs.write'), child: may('child') },
  }),
);
