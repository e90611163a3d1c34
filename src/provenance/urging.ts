/**
 * Words by which a text tells its reader what to do, in the languages that models are steered in most. A weak sign:
 * it only ever takes something away from a value, and an author who avoids these words gains nothing that a value
 * in any other text does not have.
 */
const CUES: ReadonlySet<string> = new Set(
  'you your please must should need ignore disregard forget instead first before after then now immediately urgent important task tasks instruction instructions instructed following follow do perform execute complete make sure ensure assistant agent system admin user send transfer pay forward delete remove visit click open share invite post create update change add'.split(
    ' ',
  ),
);
/** Words looked at together, and how many different cues among them are too many for a text that only tells. */
const WINDOW = 40;
const MANY = 5;

/** Whether a folded text reads like an order to whoever reads it. Linear in its words. */
export function isUrging(folded: string): boolean {
  const words = folded.split(/[^\p{L}]+/u);
  const counts = new Map<string, number>();
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? '';
    if (CUES.has(word)) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
      if (counts.size >= MANY) return true;
    }
    const gone = words[i - WINDOW] ?? '';
    const count = counts.get(gone);
    if (count === undefined) continue;
    if (count > 1) counts.set(gone, count - 1);
    else counts.delete(gone);
  }
  return false;
}
