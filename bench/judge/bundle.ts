/** The one bundle that judges every suite, built by the project's own compiler. */
import { fileURLToPath } from 'node:url';
import { createCompiler } from '../../src/policy/compile.ts';
import { packBundle } from '../../src/policy/compile-bundle.ts';
import { readSources } from '../../src/policy/compile-sources.ts';

const FOLDER = fileURLToPath(new URL('policy', import.meta.url));

/** @throws Error naming what is wrong with the policy */
export async function buildBundle(folder: string = FOLDER): Promise<Buffer> {
  const made = await createCompiler().compile(readSources(folder));
  if (made.ok) return packBundle(made.bundle);
  throw new Error(`the judge's policy cannot be built: ${JSON.stringify(made.problems)}`);
}
