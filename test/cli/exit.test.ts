import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { type ExitCode, exitOfFailure, exitOfPermission } from '../../src/cli/exit.ts';
import type { Permission } from '../../src/client/client.ts';
import { localFailure } from '../../src/client/failure.ts';
import { type ClientCode, clientReason, readDecision } from '../../src/client/permission.ts';
import { DecisionSchema } from '../../src/gen/assent/v1/authorization_pb.js';
import { allow } from '../client/wire.ts';

const BASE = { permitted: false, effect: 'deny', reasons: [], requestId: 'r-1', attempts: 1 } as const;

/** An allow that came, and what the client made of it. */
function answered(more: Partial<Permission>, dryRun = false): Permission {
  const decision = readDecision(create(DecisionSchema, { ...allow(), dryRun }));
  if (typeof decision === 'string') throw new Error(decision);
  return { ...BASE, decision, ...more };
}

const withheld = (code: ClientCode) => ({ reasons: [clientReason(code)] });

test.each<[string, ExitCode, Permission]>([
  ['an allow', 0, answered({ permitted: true, effect: 'allow' })],
  ['a dry run that would be allowed', 0, answered({ ...withheld('client.dry_run'), effect: 'allow' }, true)],
  ['an allow that was not asked to be a dry run', 2, answered(withheld('client.dry_run'), true)],
  ['an allow that came too late', 5, answered(withheld('client.late'))],
  ['a dry run whose answer came too late', 5, answered(withheld('client.late'), true)],
  ['an allow that has run out', 2, answered(withheld('client.expired'))],
  ['a duty that nobody here carries out', 2, answered(withheld('client.obligation_unclaimed'))],
  ['an ask that cannot be sent', 1, { ...BASE, ...withheld('client.malformed_ask') }],
  ['a deny in the words of a client', 2, answered(withheld('client.malformed_ask'))],
  ['an answer that cannot be read', 2, { ...BASE, ...withheld('client.malformed_answer') }],
  [
    'no answer in time',
    5,
    { ...BASE, ...withheld('client.late'), failure: localFailure('DEADLINE_EXCEEDED', '') },
  ],
])('%s ends with %i', (_, code, permission) => {
  expect(exitOfPermission(permission)).toBe(code);
});

test.each<[string, ExitCode, Parameters<typeof exitOfFailure>[0]]>([
  ['nobody there', 5, localFailure('UNAVAILABLE', '')],
  ['too late', 5, localFailure('DEADLINE_EXCEEDED', '')],
  ['too much, for now', 5, { ...localFailure('RESOURCE_EXHAUSTED', ''), retryDelayMs: 100 }],
  ['too much, for ever', 1, localFailure('RESOURCE_EXHAUSTED', '')],
  ['not permitted', 1, localFailure('PERMISSION_DENIED', '')],
])('a failed call ends by whether it will pass: %s', (_, code, failure) => {
  expect(exitOfFailure(failure)).toBe(code);
});
