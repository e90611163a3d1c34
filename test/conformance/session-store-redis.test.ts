import { describe, test } from 'vitest';
import { createRedisSessionStore } from '../../src/session/redis.ts';
import { describeSessionStore } from './session-store.ts';

const url = process.env['ASSENT_TEST_REDIS'];

if (url === undefined) describe('session store: redis', () => test.skip('ASSENT_TEST_REDIS is not set'));
else
  describeSessionStore('redis', {
    // Patience for a busy test machine; the limit itself is tested in test/faults.
    make: () =>
      createRedisSessionStore({
        server: { kind: 'standalone', url },
        commandTimeoutMs: 2000,
        connectTimeoutMs: 5000,
      }),
    shared: true,
  });
