// Static checks, cheapest first: format and lint, types, rooms, unused code, proto, generated files.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const bin = (name) => join('node_modules/.bin', name);
const checks = [
  ['format and lint', bin('biome'), ['check', '--error-on-warnings', '.']],
  ['types', bin('tsc'), ['--noEmit', '-p', 'tsconfig.json']],
  ['rooms', bin('depcruise'), ['--config', '.dependency-cruiser.cjs', 'src']],
  ['unused code', bin('knip'), []],
  ['proto lint', bin('buf'), ['lint']],
  ['proto breaking changes', bin('buf'), ['breaking', '--against', 'proto/baseline.binpb']],
  ['generated code', process.execPath, ['scripts/generate.mjs', '--check']],
  ['default bundle', process.execPath, ['scripts/build-rego.mjs', '--bundle', '--check']],
];

let failed = 0;
for (const [name, command, args] of checks) {
  const started = Date.now();
  const done = spawnSync(command, args, { encoding: 'utf8' });
  const good = done.status === 0;
  process.stdout.write(
    `${good ? 'ok  ' : 'FAIL'} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)\n`,
  );
  if (!good) {
    failed += 1;
    process.stdout.write(`${done.stdout ?? ''}${done.stderr ?? ''}${done.error ?? ''}\n`);
  }
}
process.exit(failed === 0 ? 0 : 1);
