import { describe, expect, test } from 'vitest';
import { parseCatalog } from '../../src/catalog/parse.ts';
import { createActionReader } from '../../src/catalog/read-action.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { Session } from '../../src/model/session.ts';
import { createProvenance } from '../../src/provenance/provenance.ts';
import { packSeen } from '../../src/session/entry.ts';
import { ask } from '../catalog/fixture.ts';
import { apply, askAt, begin, originOf, reportOf } from '../session/told.ts';

const CATALOG = parseCatalog({
  version: 1,
  actions: {
    'page.send': {
      class: 'external',
      arguments: { to: { type: 'string', role: 'destination', max_length: 128 } },
    },
    'page.read': {
      class: 'read',
      arguments: {},
      output: { default: 'free_text', fields: { page: 'system' } },
    },
  },
});
const readAction = createActionReader(CATALOG);
const tracer = createProvenance({ key: Buffer.alloc(32, 1) });

/** The origin of a destination, by what one output after the other said. */
function originAfter(to: string, ...outputs: readonly JsonObject[]): string | undefined {
  const fold = begin();
  for (const json of outputs) {
    const { seen } = tracer.harvestOutput('acme', CATALOG.get('page.read'), {
      truncated: false,
      garbled: false,
      unvouched: new Set(),
      open: '',
      json,
    });
    const { user, ...told } = packSeen(seen);
    expect(user).toBe('');
    const asked = fold.now.head.version + 1;
    apply(fold, askAt(asked));
    apply(fold, reportOf(asked, told));
  }
  const session: Partial<Session> = {
    originOf: (hash, readings) => originOf(fold, hash, readings()),
  };
  return tracer.traceArguments(session as Session, readAction(ask('page.send', { to })), 'acme')['to'];
}

const EVIL = 'https://evil.test/p';

describe.each([
  `Blue Harbor ${EVIL}`,
  `Blue Harbor (${EVIL}) Ltd`,
  `link=${EVIL}`,
  `[Blue Harbor](${EVIL})`,
  `https://pay.test/?next=${EVIL}`,
])('`%s`, which a record names,', (named) => {
  test('is not the record\u2019s where somebody else named the URL in it before', () => {
    expect(originAfter(named, { memo: `look at ${EVIL} first` }, { page: named })).toBe('untrusted');
  });

  test('is the record\u2019s where somebody else named another URL, or its host alone', () => {
    const memo = 'look at https://other.test/p or at evil.test first';
    expect(originAfter(named, { memo }, { page: named })).toBe('trusted');
  });

  test('stays the record\u2019s where somebody else names the URL later', () => {
    expect(originAfter(named, { page: named }, { memo: `look at ${EVIL} now` })).toBe('trusted');
  });
});
