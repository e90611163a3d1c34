import { expect, test } from 'vitest';
import type { Decision } from '../../src/model/decision.ts';
import { reasonOf } from '../../src/model/reason.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';

const REFUSED: Decision = {
  id: '01890a5d-ac96-774b-bcce-b302099a8058',
  effect: 'deny',
  reasons: [reasonOf('token.expired'), reasonOf('token.proof'), reasonOf('token.expired')],
  obligations: [],
  consume: [],
  requestId: '01890a5d-ac96-774b-bcce-b302099a8057',
  revision: 'rev-1',
  activation: 1,
  recordIndex: 0,
  provenance: {},
};

test('a decision is counted once, and every reason that it gives', async () => {
  const metrics = createMetrics();
  metrics.countDecision(REFUSED);
  const text = await metrics.registry.metrics();
  const counted = (name: string) => text.split('\n').filter((line) => line.startsWith(`${name}{`));
  expect(counted('assent_reasons_total').sort()).toEqual([
    'assent_reasons_total{code="token.expired"} 2',
    'assent_reasons_total{code="token.proof"} 1',
  ]);
  expect(counted('assent_decisions_total')).toContain('assent_decisions_total{effect="deny"} 1');
});
