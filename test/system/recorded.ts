import { readRecords } from '../../src/audit/read.ts';

/** Decision ids of the log, in its order; throws where the chain does not hold. */
export function recorded(records: string): { readonly ids: ReadonlySet<string>; readonly count: number } {
  const ids = new Set<string>();
  let count = 0;
  for (const { text } of readRecords(records)) {
    const { decision_id } = JSON.parse(text) as { decision_id?: string };
    if (decision_id !== undefined) ids.add(decision_id);
    count += 1;
  }
  return { ids, count };
}
