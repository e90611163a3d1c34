/** Strict reading of JSON that somebody else wrote: every complaint names file, line and field. */

export interface Place {
  readonly file: string;
  /** From 1; absent where the file is one value. */
  readonly line?: number;
}

/** What was given to be judged cannot be taken. */
export class Unreadable extends Error {
  constructor({ file, line }: Place, field: string, problem: string) {
    const at = line === undefined ? file : `${file}:${line}`;
    super(field === '' ? `${at}: ${problem}` : `${at}: \`${field.slice(0, 200)}\` ${problem}`);
  }
}

/** Parses one JSON value. @throws Unreadable */
export function parseValue(text: string, place: Place): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own words repeat the text, which may be anything.
    throw new Unreadable(place, '', 'is not JSON');
  }
}

type Json = Readonly<Record<string, unknown>>;

/** The members of one JSON object, each read by what it must be. Members that nobody asks for are left alone. */
export class Members {
  private readonly place: Place;
  private readonly path: string;
  private readonly object: Json;

  /** @throws Unreadable where the value is no object */
  constructor(value: unknown, place: Place, path = '') {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new Unreadable(place, path, 'is not an object');
    this.place = place;
    this.path = path;
    this.object = value as Json;
  }

  fail(name: string, problem: string): never {
    throw new Unreadable(this.place, this.at(name), problem);
  }

  names(most: number): readonly string[] {
    const names = Object.keys(this.object);
    if (names.length > most) throw new Unreadable(this.place, this.path, `has more than ${most} members`);
    return names;
  }

  has(name: string): boolean {
    return this.raw(name) !== undefined;
  }

  /** Whatever stands there; undefined where nothing does. */
  raw(name: string): unknown {
    return Object.hasOwn(this.object, name) ? this.object[name] : undefined;
  }

  text(name: string, most: number): string {
    const value = this.raw(name);
    if (typeof value !== 'string') return this.fail(name, 'is not a string');
    return value.length > most ? this.fail(name, `is longer than ${most} characters`) : value;
  }

  textOrNull(name: string, most: number): string | null {
    return this.raw(name) === null ? null : this.text(name, most);
  }

  flag(name: string): boolean {
    const value = this.raw(name);
    return typeof value === 'boolean' ? value : this.fail(name, 'is neither true nor false');
  }

  count(name: string, most: number): number {
    const value = this.raw(name);
    if (!Number.isSafeInteger(value) || Number(value) < 0 || Number(value) > most)
      return this.fail(name, `is not a whole number from 0 to ${most}`);
    return Number(value);
  }

  texts(name: string, most: number): readonly string[] {
    const value = this.list(name, most);
    if (!value.every((item) => typeof item === 'string')) return this.fail(name, 'is not a list of strings');
    return value as readonly string[];
  }

  /** Each item of a list of objects. */
  each<T>(name: string, most: number, read: (item: Members) => T): readonly T[] {
    return this.list(name, most).map((item, index) =>
      read(new Members(item, this.place, `${this.at(name)}[${index}]`)),
    );
  }

  inside(name: string): Members {
    return new Members(this.raw(name), this.place, this.at(name));
  }

  private list(name: string, most: number): readonly unknown[] {
    const value = this.raw(name);
    if (!Array.isArray(value)) return this.fail(name, 'is not a list');
    return value.length > most ? this.fail(name, `has more than ${most} items`) : value;
  }

  private at(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}
