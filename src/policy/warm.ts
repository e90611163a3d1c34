/**
 * `warm.json`: the inputs that a bundle's tests asked with, which a new instance is warmed with. Our compiler writes
 * it; in a pushed bundle it is the author's, so it is hostile until read.
 */
import {
  canonicalJson,
  isJsonObject,
  JsonError,
  type JsonObject,
  type JsonValue,
  parseJson,
} from '../model/json.ts';
import { BundleError } from './tar.ts';

export const WARM_FILE = 'warm.json';
const MAX_INPUTS = 64;
/** UTF-8 bytes of one input, as it is evaluated. */
const MAX_INPUT_BYTES = 8 * 1024;
const MAX_BYTES = 1024 * 1024;
const MAX_DEPTH = 16;

/** Those of the texts that `readWarm` will take, at most 64, in their order. */
export function warmable(texts: readonly string[]): readonly string[] {
  return texts.flatMap((text) => askable(text) ?? []).slice(0, MAX_INPUTS);
}

/** The input as an ask would be written; undefined for what no ask can hold, which a test may ask with. */
export function askable(text: string): string | undefined {
  try {
    return inputOf(parseJson(text, { maxDepth: MAX_DEPTH - 1 }));
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause;
    return undefined;
  }
}

/** The file's text: a list with one input a line. */
export function writeWarm(inputs: readonly string[]): string {
  return `[\n${inputs.join(',\n')}\n]\n`;
}

/**
 * The inputs in a bundle's file, each as JSON text; none where there is no file.
 * @throws BundleError that names the file: over 1 MiB, not strict JSON, no list of at most 64 objects, one of them
 * over 8 KiB or nested deeper than 15
 */
export function readWarm(content: Uint8Array | undefined): readonly string[] {
  if (content === undefined) return [];
  const refuse = (problem: string) => new BundleError(problem, WARM_FILE);
  if (content.length > MAX_BYTES) throw refuse(`the file is over ${MAX_BYTES} bytes`);
  let value: JsonValue;
  try {
    value = parseJson(content, { maxDepth: MAX_DEPTH });
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause;
    throw refuse(cause.path === '' ? cause.message : `\`${cause.path.slice(0, 128)}\` ${cause.message}`);
  }
  if (!Array.isArray(value) || value.length > MAX_INPUTS)
    throw refuse(`is not a list of at most ${MAX_INPUTS} inputs`);
  return (value as readonly JsonValue[]).map((input, i) => {
    const text = inputOf(input);
    if (text === undefined) throw refuse(`input ${i} is not an object of at most ${MAX_INPUT_BYTES} bytes`);
    return text;
  });
}

function inputOf(value: JsonValue | JsonObject): string | undefined {
  if (!isJsonObject(value)) return undefined;
  const text = canonicalJson(value);
  return Buffer.byteLength(text) > MAX_INPUT_BYTES ? undefined : text;
}
