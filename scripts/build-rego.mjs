/**
 * Rebuilds what the policy room ships as generated files:
 *   tools/rego/rego.wasm.br   the Rego toolchain (needs Go)
 *   policies/finance.bundle   the default bundle, once its tests pass (needs only Node and the toolchain)
 *
 *   node scripts/build-rego.mjs            both; a file that is fresh stays as it is
 *   node scripts/build-rego.mjs --bundle   the bundle only
 *   … --check                              write nothing, exit 1 when something is stale
 *
 * Fresh means equal byte for byte once unpacked: how tightly a file is packed differs between versions of the
 * packers, what is inside must not.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, brotliDecompressSync, constants, gunzipSync } from 'node:zlib';

const GO = 'go1.26.8';
const root = fileURLToPath(new URL('..', import.meta.url));
const check = process.argv.includes('--check');
let stale = false;

if (!process.argv.includes('--bundle'))
  await refresh('tools/rego/rego.wasm.br', buildProgram, brotliDecompressSync, pack);
await refresh('policies/finance.bundle', buildBundle, gunzipSync, (bytes) => bytes);
process.exitCode = stale ? 1 : 0;

/** Compares what `build` makes with the file's content, and replaces the file unless only checking. */
async function refresh(path, build, unpack, seal) {
  const file = join(root, path);
  const { content, bytes } = await build();
  if (existsSync(file) && unpack(readFileSync(file)).equals(content)) {
    console.log(`${path} is fresh`);
    return;
  }
  if (check) {
    console.error(`${path} is stale: run \`node scripts/build-rego.mjs\``);
    stale = true;
    return;
  }
  const sealed = seal(bytes);
  writeFileSync(file, sealed);
  console.log(`${path} written, ${sealed.length} bytes (${content.length} unpacked)`);
}

/** The same bytes on every machine: pinned compiler and modules, no paths, no version-control stamp. */
function buildProgram() {
  const folder = mkdtempSync(join(tmpdir(), 'assent-rego-'));
  const output = join(folder, 'rego.wasm');
  try {
    execFileSync('go', ['build', '-trimpath', '-buildvcs=false', '-ldflags=-s -w', '-o', output, '.'], {
      cwd: join(root, 'tools/rego'),
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...process.env,
        GOOS: 'wasip1',
        GOARCH: 'wasm',
        GOTOOLCHAIN: GO,
        GOFLAGS: '-mod=readonly',
        GOWORK: 'off',
        GOWASM: '',
        GOEXPERIMENT: '',
        CGO_ENABLED: '0',
      },
    });
    const content = readFileSync(output);
    return { content, bytes: content };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function pack(bytes) {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_LGWIN, BROTLI_PARAM_SIZE_HINT } = constants;
  console.log('packing takes about a minute');
  return brotliCompressSync(bytes, {
    params: { [BROTLI_PARAM_QUALITY]: 11, [BROTLI_PARAM_LGWIN]: 24, [BROTLI_PARAM_SIZE_HINT]: bytes.length },
  });
}

async function buildBundle() {
  const { createCompiler } = await import('../src/policy/compile.ts');
  const { packBundle } = await import('../src/policy/compile-bundle.ts');
  const { readSources } = await import('../src/policy/compile-sources.ts');
  const result = await createCompiler().compile(readSources(join(root, 'policies/finance')));
  if (!result.ok) {
    for (const { file, line, column, message } of result.problems)
      console.error(`${file}:${line}:${column} ${message}`);
    throw new Error('policies/finance does not compile');
  }
  const bytes = packBundle(result.bundle);
  return { content: gunzipSync(bytes), bytes };
}
