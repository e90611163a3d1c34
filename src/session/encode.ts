/** Entries as they are written into the log. */
import type { Answer } from '../model/decision.ts';
import { canonicalJson, type JsonValue, quoteJson } from '../model/json.ts';
import type { Identity } from '../model/mandate.ts';
import { type AskEntry, type Entry, FORMAT } from './entry.ts';

/** The entry as canonical JSON: `{entry, format, key}`. */
export function encodeEntry(entry: Entry, keyId: string): string {
  const body = entry.kind === 'ask' ? encodeAsk(entry) : canonicalJson(entry as unknown as JsonValue);
  return `{"entry":${body},"format":${FORMAT},"key":${quoteJson(keyId)}}`;
}

/**
 * The canonical JSON of an ask's entry, member by member: every ask writes one, and the general way (collect the
 * names, sort them, look each up) took three times as long. A property test holds the two equal.
 */
export function encodeAsk(entry: AskEntry): string {
  return (
    `{${text('act', entry.act)}"action":${quoteJson(entry.action)},${number('activation', entry.activation)}` +
    `"actor":${identity(entry.actor)},"answer":${answer(entry.answer)},"at":${entry.at},` +
    `${text('binding', entry.binding)}"class":"${entry.class}","content":${quoteJson(entry.content)},` +
    `${number('data', entry.data)}"effectful":${entry.effectful},${entry.foreign ? '"foreign":true,' : ''}"hops":${general(entry.hops)},` +
    `${text('identity', entry.identity)}${text('input', entry.input)}"kind":"ask",` +
    `${text('open', entry.open)}${text('operation', entry.operation)}"owner":${identity(entry.owner)},"pep":${quoteJson(entry.pep)},` +
    `"request":${quoteJson(entry.request)},${text('revision', entry.revision)}"subject":${identity(entry.subject)}` +
    `${entry.unvouched === undefined ? '' : `,"unvouched":"${entry.unvouched}"`}}`
  );
}

function answer(given: Answer): string {
  const { causeId, consume, effect, executionKey, expiresAt, id, obligations, reasons, retryDelayMs } = given;
  const last = retryDelayMs === undefined ? '' : `,"retryDelayMs":${retryDelayMs}`;
  return (
    `{${text('causeId', causeId)}"consume":${general(consume)},"effect":"${effect}",` +
    `${text('executionKey', executionKey)}${number('expiresAt', expiresAt)}"id":${quoteJson(id)},` +
    `"obligations":${general(obligations)},"reasons":${general(reasons)}${last}}`
  );
}

function text(name: string, value: string | undefined): string {
  return value === undefined ? '' : `"${name}":${quoteJson(value)},`;
}

function number(name: string, value: number | undefined): string {
  return value === undefined ? '' : `"${name}":${value},`;
}

function identity({ id, iss }: Identity): string {
  return `{"id":${quoteJson(id)},"iss":${quoteJson(iss)}}`;
}

function general(value: readonly unknown[]): string {
  return value.length === 0 ? '[]' : canonicalJson(value as JsonValue);
}
