/** How far a guess may be relied on before a person has looked: neither is a fact. */
export type Confidence = 'likely' | 'doubtful';

/** A reading of a tool's words, and what it rests on; the words quoted are single ones, never whole texts. */
export interface Guessed<T> {
  readonly value: T;
  readonly confidence: Confidence;
  readonly why: string;
}

export function likely<T>(value: T, why: string): Guessed<T> {
  return { value, confidence: 'likely', why };
}

export function doubtful<T>(value: T, why: string): Guessed<T> {
  return { value, confidence: 'doubtful', why };
}
