const MAX_LENGTH = 2048;
/** What two readers of a URL see alike: no blanks, controls, backslashes or anything past ASCII. */
const PLAIN = /^[\x21-\x5b\x5d-\x7e]+$/;
/** The parser takes any number of slashes, none included, for these two; a URL has two (RFC 9110 §4.2). */
const WEB = /^https?:\/\/[^/]/i;

/**
 * A request's URL without query and fragment, normalised by syntax and scheme (RFC 3986 §6.2.2, §6.2.3): host
 * and scheme in lower case, no default port, `/` for an empty path, unreserved characters unescaped, other
 * escapes in upper case. Undefined for anything but plain http and https URLs.
 */
export function normaliseUrl(text: string): string | undefined {
  if (text.length > MAX_LENGTH || !PLAIN.test(text) || !WEB.test(text)) return undefined;
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '') return undefined;
  return `${url.protocol}//${url.host}${url.pathname.replace(/%[0-9a-fA-F]{2}/g, plainEscape)}`;
}

function plainEscape(triplet: string): string {
  const character = String.fromCharCode(Number.parseInt(triplet.slice(1), 16));
  return /[A-Za-z0-9._~-]/.test(character) ? character : triplet.toUpperCase();
}
