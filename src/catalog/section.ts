import { isJsonObject, type JsonObject, type JsonValue } from '../model/json.ts';
import { Malformed } from '../model/refusal.ts';

/** Reads one object of the catalog file, so that every complaint names the dotted key it is about. */
export class Section {
  private readonly members: JsonObject;
  readonly path: string;

  /** @throws Malformed when the value is no object or holds a key outside `allowed` */
  constructor(value: JsonValue | undefined, path: string, allowed?: readonly string[]) {
    if (!isJsonObject(value)) throw new Malformed(path, 'is not an object');
    this.members = value;
    this.path = path;
    if (allowed === undefined) return;
    for (const key of Object.keys(value))
      if (!allowed.includes(key)) throw new Malformed(this.at(key), 'is not a known key');
  }

  at(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }

  keys(): readonly string[] {
    return Object.keys(this.members);
  }

  has(key: string): boolean {
    return Object.hasOwn(this.members, key);
  }

  value(key: string): JsonValue | undefined {
    return this.has(key) ? this.members[key] : undefined;
  }

  section(key: string, allowed?: readonly string[]): Section {
    return new Section(this.value(key), this.at(key), allowed);
  }

  oneOf<const T extends string>(key: string, choices: readonly T[], fallback?: T): T {
    const value = this.has(key) ? this.value(key) : fallback;
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw new Malformed(this.at(key), `is not one of ${choices.join(', ')}`);
    return found;
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.has(key) ? this.value(key) : fallback;
    if (typeof value !== 'boolean') throw new Malformed(this.at(key), 'is not true or false');
    return value;
  }

  integer(key: string, fallback: number, least: number, most: number): number {
    const value = this.has(key) ? this.value(key) : fallback;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most)
      throw new Malformed(this.at(key), `is not an integer from ${least} to ${most}`);
    return value;
  }

  names(key: string): readonly string[] {
    const value = this.has(key) ? this.value(key) : [];
    if (!Array.isArray(value)) throw new Malformed(this.at(key), 'is not a list of names');
    return value.map((item: JsonValue, index) => {
      if (typeof item !== 'string') throw new Malformed(`${this.at(key)}[${index}]`, 'is not a name');
      if (value.indexOf(item) !== index) throw new Malformed(`${this.at(key)}[${index}]`, 'is named twice');
      return item;
    });
  }
}
