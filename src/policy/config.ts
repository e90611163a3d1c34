import { readSection, readText, readWhole } from '../model/section.ts';

/** How policies are kept and run. */
export interface PolicyConfig {
  /** File of the bundle to start with where the store holds none; undefined: the finance bundle that ships. */
  readonly bundle: string | undefined;
  /** Milliseconds between looks at what other replicas activated. */
  readonly watchIntervalMs: number;
  /** Most memory of one policy instance, MiB. */
  readonly memoryMib: number;
}

export const DEFAULT_MEMORY_MIB = 64;

/**
 * Reads the config section `policy`: `bundle`, `watch_interval_ms` (100 to 1000, default 500: other replicas
 * follow within a second), `memory_mib` (8 to 1024, default 64).
 * @throws Error naming the key
 */
export function parsePolicyConfig(section: unknown): PolicyConfig {
  const known = ['bundle', 'watch_interval_ms', 'memory_mib'];
  const {
    bundle,
    watch_interval_ms = 500,
    memory_mib = DEFAULT_MEMORY_MIB,
  } = readSection(section ?? {}, 'policy', known);
  return Object.freeze({
    bundle: bundle === undefined ? undefined : readText(bundle, 'policy.bundle'),
    watchIntervalMs: readWhole(watch_interval_ms, 'policy.watch_interval_ms', { least: 100, most: 1000 }),
    memoryMib: readWhole(memory_mib, 'policy.memory_mib', { least: 8, most: 1024 }),
  });
}
