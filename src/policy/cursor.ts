/** Reads a section of a module from its beginning, and never beyond its end. */
import { readLength } from './leb.ts';

/** Every method throws an Error where the section ends before what it reads does. */
export class Cursor {
  private readonly bytes: Uint8Array;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  atEnd(): boolean {
    return this.at === this.bytes.length;
  }

  byte(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw new Error('a section of the module is cut');
    this.at += 1;
    return byte;
  }

  /** Unsigned, of at most 32 bits. */
  number(): number {
    const { value, end } = readLength(this.bytes, this.at);
    this.at = end;
    return value;
  }

  /** @throws Error naming what, when there are more than `most` */
  count(what: string, most: number): number {
    const count = this.number();
    if (count > most) throw new Error(`the module has ${count} ${what}, over ${most}`);
    return count;
  }

  skip(length: number): void {
    if (length > this.bytes.length - this.at) throw new Error('a section of the module is cut');
    this.at += length;
  }

  /** Past a signed number, of any length: the engine holds it against its type. */
  skipSigned(): void {
    while (this.byte() >= 128);
  }

  /** The next so many bytes, which are skipped. */
  part(length: number): Cursor {
    const start = this.at;
    this.skip(length);
    return new Cursor(this.bytes.subarray(start, this.at));
  }
}
