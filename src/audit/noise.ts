import type { Ask } from '../model/ask.ts';
import { canonicalJson, quoteJson } from '../model/json.ts';
import type { RecordLog } from './log.ts';

/** Length of the window in which one enforcement point's refusals are counted, ms. */
const WINDOW_MS = 1000;

export interface NoiseOptions {
  readonly log: RecordLog;
  /** Refusals in a window that still get a record each. */
  readonly perWindow: number;
  /** The closing count of a window could not be written. */
  readonly onFault: (cause: unknown) => void;
}

/**
 * Refusals of asks whose token failed, by enforcement point. Anybody can cause any number of them, so past a few
 * in a second they share a record: it is written before the first of them is answered and all of them point to
 * it, and when the second is over another one says how many there were. A crash in between loses the count, never
 * the record that an answer points to.
 */
export interface Noise {
  /** True when this refusal gets a record of its own. */
  admit(ask: Ask, at: number): boolean;
  /** Counts a refusal that was not admitted, and returns the index of the record it shares. */
  count(ask: Ask, code: string, at: number): Promise<number>;
  /** Writes the counts of all open windows. */
  flush(): Promise<void>;
}

interface Window {
  readonly start: number;
  readonly tenant: string;
  readonly pep: string;
  admitted: number;
  opened: Promise<{ readonly index: number }> | undefined;
  readonly counts: Map<string, number>;
  timer: NodeJS.Timeout | undefined;
}

export function createNoise({ log, perWindow, onFault }: NoiseOptions): Noise {
  const windows = new Map<string, Window>();

  function windowOf({ pep }: Ask, at: number): Window {
    const key = JSON.stringify([pep.tenant, pep.id]);
    const known = windows.get(key);
    if (known !== undefined && Math.abs(at - known.start) < WINDOW_MS) return known;
    if (known !== undefined) void finish(known);
    const window: Window = {
      start: at,
      tenant: pep.tenant,
      pep: pep.id,
      admitted: 0,
      opened: undefined,
      counts: new Map(),
      timer: undefined,
    };
    windows.set(key, window);
    return window;
  }

  async function open(window: Window): Promise<{ readonly index: number }> {
    try {
      return await log.append((index, previous) => ({
        text: noiseText(window, { index, previous, opened: undefined, ts: window.start }),
        openings: [],
      }));
    } catch (cause) {
      // The next refusal tries again; this one is not answered.
      window.opened = undefined;
      throw cause;
    }
  }

  async function finish(window: Window): Promise<void> {
    clearTimeout(window.timer);
    const { opened } = window;
    if (opened === undefined || window.counts.size === 0) return;
    window.opened = undefined;
    try {
      const first = (await opened).index;
      await log.append((index, previous) => ({
        text: noiseText(window, { index, previous, opened: first, ts: window.start + WINDOW_MS }),
        openings: [],
      }));
    } catch (cause) {
      onFault(cause);
    }
  }

  return {
    admit(ask, at) {
      const window = windowOf(ask, at);
      if (window.admitted >= perWindow) return false;
      window.admitted += 1;
      return true;
    },
    async count(ask, code, at) {
      const window = windowOf(ask, at);
      window.opened ??= open(window);
      window.timer ??= setTimeout(() => {
        windows.delete(JSON.stringify([window.tenant, window.pep]));
        void finish(window);
      }, WINDOW_MS).unref();
      // Counted before the wait, so that a window which ends meanwhile still has it.
      window.counts.set(code, (window.counts.get(code) ?? 0) + 1);
      return (await window.opened).index;
    },
    async flush() {
      const open = [...windows.values()];
      windows.clear();
      await Promise.all(open.map(finish));
    },
  };
}

interface NoisePlace {
  readonly index: number;
  readonly previous: string;
  /** The record that opened the window, in the record that closes it. */
  readonly opened: number | undefined;
  /** Unix ms. */
  readonly ts: number;
}

function noiseText({ tenant, pep, counts }: Window, { index, previous, opened, ts }: NoisePlace): string {
  const closing = opened === undefined ? '' : `"counts":${canonicalJson(Object.fromEntries(counts))},`;
  return (
    `{${closing}"index":${index},"kind":"noise",${opened === undefined ? '' : `"opened":${opened},`}` +
    `"pep":${quoteJson(pep)},"previous":"${previous}","tenant":${quoteJson(tenant)},"ts":${ts},"v":1,"window_ms":${WINDOW_MS}}`
  );
}
