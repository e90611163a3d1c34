/**
 * Rego's `sprintf`, as far as it is Go's to the letter: rules are tested in OPA's interpreter, which formats with
 * Go's `fmt`, and decide here. What we could not prove equal throws, and the evaluation is a deny: never another text.
 *
 * | verb | takes                                                                                                  |
 * | ---- | ------------------------------------------------------------------------------------------------------ |
 * | `%s` | strings                                                                                                |
 * | `%d` | integers, of any size, written without point or exponent                                               |
 * | `%v` | strings, integers, booleans, null, and fractions: from a million on as `1.2000005e+06`, as Go does     |
 * | `%%` |                                                                                                        |
 */

/** Plain digits, which Go reads as an integer; `-0` is none. */
const INTEGER = /^(?:0|-?[1-9][0-9]*)$/;
/** Go and ECMAScript both write the shortest digits that read back; Go without an exponent only between these. */
const [PLAIN_FROM, PLAIN_BELOW] = [1e-4, 1e6];
/** A verb without flags, width, precision or index; anything else after `%` is not matched beyond it. */
const VERB = /%([sdv%])?/g;

/** A JSON number as it was written: a double would round it, and `1.0` is no integer to Go. */
class Numeral {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Reviver = (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown;

/**
 * @param formatJson the format, a string as JSON text
 * @param valuesJson its arguments, a list as JSON text
 * @throws Error that names the verb, when the result could differ from Go's
 */
export function sprintf(formatJson: string, valuesJson: string): string {
  const format: unknown = JSON.parse(formatJson);
  const values: unknown = JSON.parse(valuesJson, keepNumerals as (key: string, value: unknown) => unknown);
  if (typeof format !== 'string' || !Array.isArray(values))
    throw new Error('sprintf takes a string and a list');
  let next = 0;
  const text = format.replace(VERB, (found, verb: string | undefined) => {
    if (verb === '%') return '%';
    if (verb === undefined) throw new Error('sprintf takes `%s`, `%d`, `%v` and `%%`, nothing between');
    if (next >= values.length) throw new Error('sprintf has fewer arguments than verbs');
    const written = write(verb, values[next]);
    next += 1;
    if (written === undefined) throw new Error(`sprintf cannot write argument ${next} as \`${found}\``);
    return written;
  });
  if (next < values.length) throw new Error('sprintf has more arguments than verbs');
  return text;
}

const keepNumerals: Reviver = (_key, value, { source }) =>
  typeof value === 'number' ? new Numeral(source ?? '') : value;

function write(verb: string, value: unknown): string | undefined {
  if (typeof value === 'string') return verb === 'd' ? undefined : value;
  if (value instanceof Numeral) return verb === 's' ? undefined : writeNumeral(verb, value.text);
  const plain = typeof value === 'boolean' || value === null;
  return plain && verb === 'v' ? String(value) : undefined;
}

function writeNumeral(verb: string, text: string): string | undefined {
  if (INTEGER.test(text)) return text;
  return verb === 'v' ? writeFraction(Number(text)) : undefined;
}

function writeFraction(number: number): string | undefined {
  const size = Math.abs(number);
  if (size >= PLAIN_FROM && size < PLAIN_BELOW) return String(number);
  // A sum may come out as `2000000.0` here and as `2000000` in the interpreter, which Go writes differently.
  if (Number.isInteger(number) || !Number.isFinite(number)) return undefined;
  // At least two digits of exponent.
  return number.toExponential().replace(/e([+-])([0-9])$/, 'e$10$2');
}
