import { join } from 'node:path';
import { UsageError } from './exit.ts';

/**
 * Files of a policy by path below its folder.
 * @throws UsageError for a folder that is none, or that holds no rules, or a file that is not UTF-8
 */
export async function sourcesOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const { BundleError, readSources } = await import('../policy/compile-sources.ts');
  let sources: ReadonlyMap<string, string>;
  try {
    sources = readSources(folder);
  } catch (cause) {
    if (cause instanceof BundleError)
      throw new UsageError(`\`${join(folder, cause.file ?? '')}\` cannot be taken: ${cause.message}`);
    throw new UsageError(`\`${folder}\` is not a folder that can be read`, { cause });
  }
  if (![...sources.keys()].some((path) => path.endsWith('.rego')))
    throw new UsageError(`\`${folder}\` holds no \`.rego\` file`);
  return sources;
}
