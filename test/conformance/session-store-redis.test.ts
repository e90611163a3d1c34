import { describe, test } from 'vitest';
import { createRedisSessionStore } from '../../src/session/redis.ts';
import { connectTo, destroyLogs } from './connections.ts';
import { describeSessionStore } from './session-store.ts';

const url = process.env['ASSENT_TEST_REDIS'];

if (url === undefined) describe('session store: redis', () => test.skip('ASSENT_TEST_REDIS is not set'));
else
  describeSessionStore('redis', {
    make: async () => createRedisSessionStore(await connectTo(url), 2000),
    shared: true,
    destroy: async (store, keys) => {
      const hand = await connectTo(url);
      await destroyLogs(hand, keys);
      hand.disconnect();
      return store;
    },
  });
