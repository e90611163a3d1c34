/** A JSON value as parsed from untrusted bytes: objects have no prototype, so no name can reach one. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: JsonValue;
}

export interface JsonLimits {
  /** Nesting of arrays and objects; the outermost is 1. */
  readonly maxDepth: number;
}

/** What was wrong with a JSON text, and where (a dotted path such as `items[2].amount`, empty at the top). */
export class JsonError extends Error {
  readonly path: string;
  constructor(problem: string, path: string) {
    super(problem);
    this.path = path;
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Parses bytes or text as one strict JSON value (RFC 8259), refusing what two readers could understand
 * differently: bytes that are not UTF-8, duplicate members, lone surrogates, `__proto__`, numbers that a
 * double cannot hold exactly (`1e400`, 2^53 + 1), and nesting past `maxDepth`.
 * @throws JsonError with the path of the offending value
 */
export function parseJson(source: Uint8Array | string, limits: JsonLimits): JsonValue {
  let text: string;
  if (typeof source === 'string') {
    text = source;
  } else {
    try {
      text = decoder.decode(source);
    } catch {
      // The decoder's own words name no position; the bytes may be anything, so none of them is repeated.
      throw new JsonError('is not utf-8', '');
    }
  }
  return new Parser(text, limits.maxDepth).document();
}

/** True for a JSON object, as against arrays and scalars. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const QUOTE = 34;
const BACKSLASH = 92;

class Parser {
  private readonly text: string;
  private readonly maxDepth: number;
  private at = 0;
  private readonly path: (string | number)[] = [];

  constructor(text: string, maxDepth: number) {
    this.text = text;
    this.maxDepth = maxDepth;
  }

  document(): JsonValue {
    const value = this.value();
    this.space();
    if (this.at !== this.text.length) this.fail('has bytes after its end');
    return value;
  }

  private fail(problem: string): never {
    let where = '';
    for (const step of this.path)
      where += typeof step === 'number' ? `[${step}]` : where === '' ? step : `.${step}`;
    throw new JsonError(problem, where.slice(0, 256));
  }

  private space(): void {
    for (;;) {
      const c = this.text.charCodeAt(this.at);
      if (c !== 32 && c !== 10 && c !== 13 && c !== 9) return;
      this.at += 1;
    }
  }

  private value(): JsonValue {
    this.space();
    const c = this.text.charCodeAt(this.at);
    if (c === QUOTE) return this.string();
    if (c === 123) return this.object();
    if (c === 91) return this.array();
    if (c === 45 || (c >= 48 && c <= 57)) return this.number();
    if (this.text.startsWith('true', this.at)) return this.word(4, true);
    if (this.text.startsWith('false', this.at)) return this.word(5, false);
    if (this.text.startsWith('null', this.at)) return this.word(4, null);
    return this.fail('is not json');
  }

  private word<T>(length: number, value: T): T {
    this.at += length;
    return value;
  }

  private enter(): void {
    if (this.path.length >= this.maxDepth) this.fail(`nests deeper than ${this.maxDepth}`);
  }

  private object(): JsonObject {
    this.enter();
    this.at += 1;
    const members: Record<string, JsonValue> = Object.create(null);
    this.space();
    if (this.text.charCodeAt(this.at) === 125) return this.word(1, members);
    for (;;) {
      this.space();
      if (this.text.charCodeAt(this.at) !== QUOTE) this.fail('is not json');
      const name = this.string();
      this.path.push(name);
      if (name === '__proto__') this.fail('is a reserved member name');
      if (name in members) this.fail('is a duplicate member');
      this.space();
      if (this.text.charCodeAt(this.at) !== 58) this.fail('is not json');
      this.at += 1;
      members[name] = this.value();
      this.path.pop();
      if (this.closes(125)) return members;
    }
  }

  private array(): readonly JsonValue[] {
    this.enter();
    this.at += 1;
    const items: JsonValue[] = [];
    this.space();
    if (this.text.charCodeAt(this.at) === 93) return this.word(1, items);
    for (;;) {
      this.path.push(items.length);
      items.push(this.value());
      this.path.pop();
      if (this.closes(93)) return items;
    }
  }

  /** Steps over a comma (false) or the closing bracket (true). */
  private closes(bracket: number): boolean {
    this.space();
    const c = this.text.charCodeAt(this.at);
    if (c !== 44 && c !== bracket) this.fail('is not json');
    this.at += 1;
    return c === bracket;
  }

  private string(): string {
    const start = this.at + 1;
    let i = start;
    let plain = true;
    for (;;) {
      const c = this.text.charCodeAt(i);
      if (c === QUOTE) break;
      if (c === BACKSLASH) {
        plain = false;
        i += 2;
        continue;
      }
      // NaN (past the end) fails every comparison, so it is asked for by name.
      if (c < 32 || Number.isNaN(c)) this.fail('is not json');
      if (c >= 0xd800 && c <= 0xdfff) plain = false;
      i += 1;
    }
    this.at = i + 1;
    if (plain) return this.text.slice(start, i);
    let value: unknown;
    try {
      value = JSON.parse(this.text.slice(start - 1, i + 1));
    } catch {
      // JSON.parse would quote the attacker's text; the path says enough.
      return this.fail('has a bad escape');
    }
    if (typeof value !== 'string') return this.fail('is not json');
    if (!value.isWellFormed()) this.fail('has a lone surrogate');
    return value;
  }

  private number(): number {
    NUMBER.lastIndex = this.at;
    const literal = NUMBER.exec(this.text)?.[0];
    if (literal === undefined) return this.fail('is not json');
    this.at += literal.length;
    const value = Number(literal);
    // Fifteen significant digits always survive a double (IEEE 754 §5.12.2); only longer literals need proof.
    if (literal.length > 15 || literal.includes('e') || literal.includes('E')) {
      if (!Number.isFinite(value) || plainDecimal(literal) !== plainDecimal(String(value)))
        this.fail('is a number that would be rounded');
    }
    return Object.is(value, -0) ? 0 : value;
  }
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

/** `digits e exponent` with neither leading nor trailing zeros: equal for equal decimal values. */
function plainDecimal(literal: string): string {
  const match = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/.exec(literal);
  if (match === null) return literal;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = withoutZerosBehind(digits);
  if (significant === '') return '0';
  return `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}

/** Not by `/0+$/`, which looks at every zero of every run anew: one long number would hold the thread for a minute. */
function withoutZerosBehind(digits: string): string {
  let end = digits.length;
  while (digits.charAt(end - 1) === '0') end -= 1;
  return digits.slice(0, end);
}

/**
 * Canonical JSON (RFC 8785): members sorted by UTF-16 code units, no white space, ECMAScript number form.
 * By hand because the walk writes several of these an ask: the `canonicalize` package takes about five
 * times as long for a record (`npm run bench` prints both).
 */
export function canonicalJson(value: JsonValue): string {
  if (typeof value === 'string') return quoteJson(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('canonical json has no such number');
    return Object.is(value, -0) ? '0' : String(value);
  }
  if (value === null || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) {
    let out = '[';
    for (let i = 0; i < value.length; i += 1)
      out += (i === 0 ? '' : ',') + canonicalJson(value[i] as JsonValue);
    return `${out}]`;
  }
  return canonicalObject(value as JsonObject);
}

function canonicalObject(object: JsonObject): string {
  const names = Object.keys(object);
  for (let i = 1; i < names.length; i += 1) {
    // Objects arrive sorted more often than not: sort only when a pair is out of order.
    if ((names[i - 1] as string) > (names[i] as string)) {
      names.sort();
      break;
    }
  }
  let out = '{';
  let first = true;
  for (const name of names) {
    const member = object[name];
    if (member === undefined) continue;
    out += `${first ? '' : ','}${quoteJson(name)}:${canonicalJson(member)}`;
    first = false;
  }
  return `${out}}`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must be escaped
const NEEDS_ESCAPE = /["\\\u0000-\u001f\ud800-\udfff]/;

/** One JSON string literal; JSON.stringify's escapes are RFC 8785's, and most strings need none. */
export function quoteJson(text: string): string {
  return NEEDS_ESCAPE.test(text) ? JSON.stringify(text) : `"${text}"`;
}
