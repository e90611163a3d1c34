/**
 * What a module declares, held against what OPA's compiler writes, before the engine sees any of it. The engine ends
 * the whole process where it cannot get memory for what a module declares, and neither a worker nor a deadline keeps
 * that away. What compiling it takes is for `tryCompiling`. One pass over the bytes; what this lets through may still be
 * no module, and the engine says so.
 */
import { Cursor } from './cursor.ts';

/** A section as it stands in the module. */
export interface Section {
  readonly id: number;
  readonly body: Uint8Array;
}

/** Ids of sections. */
export const [EXPORTS, STARTS] = [7, 8];
const CUSTOM = 0;
const [TYPES, IMPORTS, FUNCTIONS, TABLES, GLOBALS, ELEMENTS, CODE, DATA] = [1, 2, 3, 4, 6, 9, 10, 11];

// In brackets, what OPA 1.x writes for our policies, or for any.
/** One for each number of arguments that a rule's function may have [27]. */
const MAX_TYPES = 256;
/**
 * [11, and two more than a function of the author's has, all i32.] The engine keeps every distinct type that it ever saw,
 * of whatever module, and ends the process at a million. So there are few that a module may have, in all its pushes:
 * up to 5 parameters of any kind, 4^0 + … + 4^5 = 1,365 lists; of 6 to 8 with one of another kind than i32 at most [one
 * f64 among 8], 1 + 3·6, 1 + 3·7 and 1 + 3·8, together 66; longer ones of i32 alone, 120. Each with no result or one of
 * the four: 1,551 · 5 = 7,755.
 */
const MAX_PARAMETERS = 128;
const [ANY_KIND_TO, ONE_OTHER_TO] = [5, 8];
/** The memory and what `host.ts` has [7]. */
const MAX_IMPORTS = 8;
/** [some 750, and one or more for each rule] */
const MAX_FUNCTIONS = 65_536;
/** Made anew with each instance [26]. */
const MAX_EXPORTS = 64;
/** [3] */
const MAX_GLOBALS = 64;
/** Segments of a table or the memory [2 and 5]. */
const MAX_SEGMENTS = 64;
/** Locals that a function of any length may have [33]. */
const FEW_LOCALS = 64;
/**
 * Bytes of a function for each local beyond [14]. The optimising compiler puts small functions into others, with their
 * locals, which `tryCompiling` does not see: the bytes bound how many that are.
 */
const BYTES_PER_LOCAL = 4;

const [I32, I64, F32, F64] = [0x7f, 0x7e, 0x7d, 0x7c];
const NUMBERS = [I32, I64, F32, F64];
const [FUNCTION_TYPE, FUNCTION_REFERENCE] = [0x60, 0x70];
const [FUNCTION_IMPORT, MEMORY_IMPORT] = [0, 2];
const [I32_CONST, I64_CONST, F32_CONST, F64_CONST, END] = [0x41, 0x42, 0x43, 0x44, 0x0b];
const [F32_BYTES, F64_BYTES] = [4, 8];

/** What is known from the sections before. */
interface Known {
  /** Functions of either kind. */
  imported: number;
  defined: number;
}

type Check = (cursor: Cursor, known: Known) => void;

const CHECKS: ReadonlyMap<number, Check> = new Map([
  [TYPES, checkTypes],
  [IMPORTS, checkImports],
  [FUNCTIONS, checkFunctions],
  [TABLES, checkTables],
  [GLOBALS, (cursor) => each(cursor, 'globals', MAX_GLOBALS, readGlobal)],
  [EXPORTS, (cursor) => void cursor.count('exports', MAX_EXPORTS)],
  [STARTS, () => undefined],
  [ELEMENTS, (cursor) => each(cursor, 'element segments', MAX_SEGMENTS, readElements)],
  [CODE, checkCode],
  [DATA, (cursor) => each(cursor, 'data segments', MAX_SEGMENTS, readData)],
]);

/**
 * @throws Error naming what OPA does not write: a section or a kind of type that it does not use, more of something
 * than there can be need for
 */
export function checkShape(sections: readonly Section[]): void {
  const known: Known = { imported: 0, defined: 0 };
  let last = CUSTOM;
  for (const { id, body } of sections) {
    // Names, and who made it: nothing that is laid out or run.
    if (id === CUSTOM) continue;
    const check = CHECKS.get(id);
    if (check === undefined)
      throw new Error(`the module has a section of kind ${id}, which OPA does not write`);
    if (id <= last) throw new Error(`the module has a section of kind ${id} out of its place`);
    last = id;
    check(new Cursor(body), known);
  }
}

function checkTypes(cursor: Cursor): void {
  each(cursor, 'types', MAX_TYPES, () => {
    if (cursor.byte() !== FUNCTION_TYPE) throw new Error('the module has a type that is no function');
    const parameters = readNumberTypes(cursor, 'parameters', MAX_PARAMETERS);
    const others = parameters.filter((type) => type !== I32).length;
    const { length } = parameters;
    if (length > ANY_KIND_TO && others > (length > ONE_OTHER_TO ? 0 : 1))
      throw new Error(`the module has a function of ${length} parameters, ${others} of them other than i32`);
    readNumberTypes(cursor, 'results', 1);
  });
}

function readNumberTypes(cursor: Cursor, what: string, most: number): readonly number[] {
  const count = cursor.count(`${what} of a function`, most);
  return Array.from({ length: count }, () => readNumberType(cursor));
}

function readNumberType(cursor: Cursor): number {
  const type = cursor.byte();
  if (!NUMBERS.includes(type)) throw new Error('the module has a value that is no number');
  return type;
}

/** Which names they may have is for `checkModule` to say. */
function checkImports(cursor: Cursor, known: Known): void {
  let memories = 0;
  each(cursor, 'imports', MAX_IMPORTS, () => {
    cursor.skip(cursor.number());
    cursor.skip(cursor.number());
    const kind = cursor.byte();
    if (kind === FUNCTION_IMPORT) {
      cursor.number();
      known.imported += 1;
    } else if (kind === MEMORY_IMPORT && memories === 0) {
      memories += 1;
      readLimits(cursor);
    } else throw new Error('the module imports more than functions and one memory');
  });
}

/** The highest number; undefined where none is given. */
function readLimits(cursor: Cursor): number | undefined {
  const flags = cursor.byte();
  if (flags > 1) throw new Error('the module has a memory or table that is shared or of 64 bits');
  cursor.number();
  return flags === 1 ? cursor.number() : undefined;
}

function checkFunctions(cursor: Cursor, known: Known): void {
  each(cursor, 'functions', MAX_FUNCTIONS, () => {
    cursor.number();
    known.defined += 1;
  });
}

function checkTables(cursor: Cursor, { imported, defined }: Known): void {
  each(cursor, 'tables', 1, () => {
    if (cursor.byte() !== FUNCTION_REFERENCE)
      throw new Error('the module has a table of other than functions');
    const highest = readLimits(cursor);
    if (highest === undefined || highest > imported + defined)
      throw new Error('the module has a table with more places than functions');
  });
}

function readGlobal(cursor: Cursor): void {
  readNumberType(cursor);
  cursor.byte();
  readConstant(cursor);
}

function readConstant(cursor: Cursor): void {
  const code = cursor.byte();
  if (code === I32_CONST || code === I64_CONST) cursor.skipSigned();
  else if (code === F32_CONST) cursor.skip(F32_BYTES);
  else if (code === F64_CONST) cursor.skip(F64_BYTES);
  else throw new Error('the module has an initial value that is no constant');
  if (cursor.byte() !== END) throw new Error('the module has an initial value that is no constant');
}

function readElements(cursor: Cursor): void {
  readOffset(cursor);
  const count = cursor.count('functions in a segment', MAX_FUNCTIONS);
  for (let i = 0; i < count; i += 1) cursor.number();
}

function readData(cursor: Cursor): void {
  readOffset(cursor);
  cursor.skip(cursor.number());
}

/** Of an active segment of the one table or memory: any other begins with something else than 0. */
function readOffset(cursor: Cursor): void {
  if (cursor.byte() !== 0) throw new Error('the module has a segment that is not laid out at once');
  readConstant(cursor);
}

function checkCode(cursor: Cursor, { imported }: Known): void {
  let at = imported;
  each(cursor, 'bodies', MAX_FUNCTIONS, () => {
    const bytes = cursor.number();
    const locals = readLocals(cursor.part(bytes));
    if (locals > Math.max(FEW_LOCALS, bytes / BYTES_PER_LOCAL))
      throw new Error(`function ${at} of the module has ${locals} locals in ${bytes} bytes`);
    at += 1;
  });
}

/** How many there are: each run says its length. */
function readLocals(body: Cursor): number {
  let locals = 0;
  for (let runs = body.number(); runs > 0; runs -= 1) {
    locals += body.number();
    readNumberType(body);
  }
  return locals;
}

/** Reads so many of them as the section says, and the section to its end. */
function each(cursor: Cursor, what: string, most: number, read: (cursor: Cursor) => void): void {
  const count = cursor.count(what, most);
  for (let i = 0; i < count; i += 1) read(cursor);
  if (!cursor.atEnd()) throw new Error('a section of the module has more than it says');
}
