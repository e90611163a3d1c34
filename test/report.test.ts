/** The walk of a report, through the room that reads outputs. */
import { expect, test } from 'vitest';
import type { CatalogEntry } from '../src/model/catalog.ts';
import type { Harvested } from '../src/model/session.ts';
import type { Report } from '../src/model/verbs.ts';
import { createProvenance } from '../src/provenance/provenance.ts';
import { report } from '../src/report.ts';

const provenance = createProvenance({ key: Buffer.alloc(32, 7) });
const ENTRY: CatalogEntry = {
  class: 'read',
  stateless: false,
  arguments: new Map(),
  identity: [],
  output: { default: 'free_text', fields: new Map([['account', 'system']]) },
};

/** What enters the session when this is reported. */
async function entered(output: string, told: Partial<Report>): Promise<Harvested> {
  let harvested: Harvested | undefined;
  const asked: Report = {
    pep: { id: 'gateway', tenant: 'acme', roles: new Set(['asker']) },
    decisionId: 'd-1',
    sessionId: 's-1',
    outcome: 'executed',
    output: Buffer.from(output),
    mediaType: 'application/json',
    truncated: false,
    failureProof: '',
    ...told,
  };
  await report(asked, {
    now: () => 5,
    entryOf: () => ENTRY,
    harvestOutput: provenance.harvestOutput,
    enterOutcome: async (_, __, harvest) => {
      harvested = harvest({ action: 'vendor.lookup', unvouched: new Set(), open: '' });
      return harvested.seen.length;
    },
    sealReport: async () => undefined,
  });
  if (harvested === undefined) throw new Error('nothing was entered');
  return harvested;
}

const origins = ({ seen }: Harvested) => new Set(seen.map(({ origin }) => origin));

test.each([
  ['JSON', 'application/json', '{"account":"DE00"}'],
  ['text', 'text/plain', 'account DE00'],
  ['nothing', 'application/json', ''],
])('%s that was cut vouches for nothing, and words of it are lost', async (_, mediaType, output) => {
  const cut = await entered(output, { mediaType, truncated: true });
  expect(cut.lost).toBe(true);
  expect(origins(cut)).not.toContain('trusted');
  expect((await entered(output, { mediaType })).lost).toBe(false);
});

test('JSON that is whole vouches for what a record holds', async () => {
  expect(origins(await entered('{"account":"DE00"}', {}))).toContain('trusted');
});
