import { createMemorySessionStore } from '../../src/session/memory.ts';
import { describeSessionStore } from './session-store.ts';

describeSessionStore('memory', { make: async () => createMemorySessionStore(), shared: false });
