import { expect, test } from 'vitest';
import { Fault } from '../../src/model/refusal.ts';
import { createSparingLog } from '../../src/telemetry/sparing.ts';

test('errors are written once a second for each message and reason, with the number left out', () => {
  const lines: [message: string, leftOut: unknown][] = [];
  const write = (facts: Readonly<Record<string, unknown>>, message: string) =>
    void lines.push([message, facts['leftOut']]);
  let now = 0;
  const log = createSparingLog({ info: write, warn: write, error: write }, () => now);
  const cause = new Error('it broke');
  for (; now < 1000; now += 10) log.error({ cause }, 'a rule failed');
  log.error({ cause }, 'a rule failed');
  log.error({ cause: new Fault('AUDIT_UNAVAILABLE') }, 'a rule failed');
  log.error({ cause: new Fault('SESSION_STORE_UNAVAILABLE') }, 'a rule failed');
  log.error({ cause }, 'something else');
  for (let i = 0; i < 2; i += 1) log.info({}, 'news');
  expect(lines).toEqual([
    ['a rule failed', undefined],
    ['a rule failed', 99],
    ['a rule failed', undefined],
    ['a rule failed', undefined],
    ['something else', undefined],
    ['news', undefined],
    ['news', undefined],
  ]);
});
