/** What became of an allowed action, and whose words did it bring back? */
import { isUtf8 } from 'node:buffer';
import type { CatalogEntry } from './model/catalog.ts';
import { JsonError, type JsonValue, parseJson } from './model/json.ts';
import type { Allowed, Harvested, Open, Unvouched } from './model/session.ts';
import type { Report } from './model/verbs.ts';

/** A tool's output, as far as it could be read. */
export interface ReadOutput {
  readonly json?: JsonValue;
  readonly text?: string;
  readonly truncated: boolean;
  /** The agent may read other values in it than we do: no UTF-8 text, or not the JSON that it says it is. */
  readonly garbled: boolean;
}

export interface ReportedOutput extends ReadOutput {
  readonly unvouched: Unvouched;
  readonly open: Open;
}

export interface ReportRooms {
  now(): number;
  entryOf(action: string): CatalogEntry | undefined;
  harvestOutput(tenant: string, entry: CatalogEntry | undefined, output: ReportedOutput): Harvested;
  /** Enters the outcome; `harvest` is called with what was allowed. */
  enterOutcome(report: Report, at: number, harvest: (allowed: Allowed) => Harvested): Promise<number>;
  sealReport(report: Report, at: number, valuesRemembered: number): Promise<void>;
}

/** The deepest output that is read as JSON; a deeper one is free text. */
const OUTPUT_DEPTH = 64;

/**
 * Enters a report into its session, then seals it. A crash in between leaves the outcome in the session and no
 * record; the caller, unanswered, reports again and that report is sealed.
 */
export async function report(
  asked: Report,
  rooms: ReportRooms,
): Promise<{ readonly valuesRemembered: number }> {
  const at = rooms.now();
  const output = readOutput(asked);
  const valuesRemembered = await rooms.enterOutcome(asked, at, ({ action, ...allowed }) =>
    rooms.harvestOutput(asked.pep.tenant, rooms.entryOf(action), { ...output, ...allowed }),
  );
  await rooms.sealReport(asked, at, valuesRemembered);
  return { valuesRemembered };
}

/** What is not the JSON that it says it is counts as free text: somebody else's words, never a record's. */
function readOutput({ output, mediaType, truncated }: Report): ReadOutput {
  if (output.length === 0) return { truncated, garbled: false };
  let garbled = !isText(output, mediaType);
  if (/^application\/([a-z0-9.+-]+\+)?json\s*(;|$)/i.test(mediaType)) {
    try {
      return { json: parseJson(output, { maxDepth: OUTPUT_DEPTH }), truncated, garbled: false };
    } catch (cause) {
      if (!(cause instanceof JsonError)) throw cause;
      // A laxer reader finds values behind its escapes that are none in the text.
      garbled = true;
    }
  }
  return { text: new TextDecoder().decode(output), truncated, garbled };
}

const OTHER_CHARSET = /;\s*charset\s*=\s*"?(?!(?:utf-?8|us-ascii)"?\s*(?:;|$))/i;

/** UTF-8 without NUL, which stands in every text of two bytes a character. */
function isText(output: Uint8Array, mediaType: string): boolean {
  return isUtf8(output) && !output.includes(0) && !OTHER_CHARSET.test(mediaType);
}
