/** What the house stands on: the record log and the stores, each with a pulse. Only main.ts asks for it. */
import { eventRecord } from './audit/event.ts';
import { openFileLog } from './audit/file.ts';
import type { RecordLog } from './audit/log.ts';
import { type Config, under } from './config.ts';
import type { Role } from './model/ask.ts';
import { listenTo, openStores, type Stores } from './stores.ts';
import type { Log } from './telemetry/log.ts';
import { createPulse } from './telemetry/pulse.ts';

/** Has something closed with the house. */
export type AtEnd = (close: () => unknown) => void;

/** Of nobody's asking. */
const RESUMED = { kind: 'log.resumed', pep: { id: '', tenant: '', roles: new Set<Role>() }, facts: {} };

export interface Parts {
  readonly records: RecordLog;
  readonly stores: Stores;
  /** False while the record log or the session store is known to fail. */
  ready(): boolean;
}

/** @throws Error naming the key of what could not be opened; what was opened before it is closed by `atEnd` */
export async function openParts(config: Config, log: Log, atEnd: AtEnd): Promise<Parts> {
  const { directory: dir, durability, verify } = config.recordLog;
  const records = await under('record_log.directory', () => openFileLog({ dir, durability, verify }));
  atEnd(() => records.close());
  if (records.recovered.droppedBytes > 0)
    log.warn({ ...records.recovered }, 'the record log ended in a torn record, which was set aside');
  const stores = await under('store', () => openStores(config.session.store, Date.now));
  atEnd(() => stores.close());
  const storePulse = createPulse({
    part: 'session store',
    probe: () => stores.sessions.load({ tenant: '', session: '' }),
    log,
  });
  const logPulse = createPulse({
    part: 'record log',
    // Only a record shows that records can be written; this one says that there was a time without any.
    probe: () => records.append(eventRecord({ ...RESUMED, at: Date.now() }, config.dev)),
    log,
  });
  atEnd(() => storePulse.close());
  atEnd(() => logPulse.close());
  return {
    records: { append: (build) => logPulse.hear(records.append(build)), close: () => records.close() },
    stores: listenTo(stores, storePulse.hear),
    ready: () => storePulse.isWell() && logPulse.isWell(),
  };
}
