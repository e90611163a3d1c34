import { ALGORITHMS, type Algorithm, isAlgorithm } from '../model/jwk.ts';
import { isActionPattern } from '../model/pattern.ts';
import { readFlag, readList, readSection, readText, readWhole, type Section } from '../model/section.ts';

/** Where an issuer's keys come from: a JWKS file, or a URL that is fetched (https, or http on loopback). */
type KeySource = { readonly file: string } | { readonly url: string };

export interface IssuerConfig {
  /** Compared with `iss` exactly. */
  readonly issuer: string;
  /** Our name at this issuer; `aud` must contain it. */
  readonly audience: string;
  readonly algorithms: readonly Algorithm[];
  readonly keys: KeySource;
  /** Accepts `typ` JWT and a missing `typ` too. */
  readonly plainJwt: boolean;
  /** An `act` without `iss` is taken to be of the token's issuer. */
  readonly legacyActWithoutIss: boolean;
  /** OAuth scope → action patterns; a scope that is not here permits nothing. */
  readonly scopes: ReadonlyMap<string, readonly string[]>;
  readonly maxLifetimeSeconds: number;
  readonly leewaySeconds: number;
  /** Refuses tokens that are bound to no key and no certificate. */
  readonly requireBound: boolean;
}

/** What a challenge asks for where stepping up would help (RFC 9470 §3). */
export interface StepUp {
  readonly acrValues: readonly string[];
  readonly maxAgeSeconds: number | undefined;
}

export interface TokenConfig {
  readonly issuers: readonly IssuerConfig[];
  readonly stepUp: StepUp | undefined;
}

const ISSUER_KEYS = [
  'issuer',
  'audience',
  'algorithms',
  'keys',
  'plain_jwt',
  'legacy_act_without_iss',
  'scopes',
  'max_lifetime_seconds',
  'leeway_seconds',
  'require_bound',
];
const DEFAULT_LIFETIME_SECONDS = 3600;
const DEFAULT_LEEWAY_SECONDS = 5;

/**
 * Reads the `token` section. There is no default issuer: a house that trusts nobody does not start.
 * @throws Error naming the dotted key
 */
export function parseTokenConfig(section: unknown): TokenConfig {
  const fields = readSection(section, 'token', ['issuers', 'step_up']);
  const issuers = readList(fields['issuers'], 'token.issuers').map((item, index) =>
    parseIssuer(item, `token.issuers[${index}]`),
  );
  if (issuers.length === 0) throw new Error('`token.issuers` must name at least one issuer');
  if (new Set(issuers.map(({ issuer }) => issuer)).size !== issuers.length)
    throw new Error('`token.issuers` names an issuer twice');
  return { issuers, stepUp: parseStepUp(fields['step_up']) };
}

function parseIssuer(item: unknown, path: string): IssuerConfig {
  const fields = readSection(item, path, ISSUER_KEYS);
  const whole = (key: string, fallback: number, range: { least: number; most: number }): number =>
    fields[key] === undefined ? fallback : readWhole(fields[key], `${path}.${key}`, range);
  return {
    issuer: readText(fields['issuer'], `${path}.issuer`),
    audience: readText(fields['audience'], `${path}.audience`),
    algorithms: parseAlgorithms(fields['algorithms'], `${path}.algorithms`),
    keys: parseKeySource(fields['keys'], `${path}.keys`),
    plainJwt: readFlag(fields['plain_jwt'], `${path}.plain_jwt`),
    legacyActWithoutIss: readFlag(fields['legacy_act_without_iss'], `${path}.legacy_act_without_iss`),
    scopes: parseScopes(fields['scopes'], `${path}.scopes`),
    maxLifetimeSeconds: whole('max_lifetime_seconds', DEFAULT_LIFETIME_SECONDS, { least: 1, most: 86_400 }),
    leewaySeconds: whole('leeway_seconds', DEFAULT_LEEWAY_SECONDS, { least: 0, most: 60 }),
    requireBound: readFlag(fields['require_bound'], `${path}.require_bound`),
  };
}

function parseAlgorithms(value: unknown, path: string): readonly Algorithm[] {
  const names = readList(value, path);
  if (names.length === 0) throw new Error(`\`${path}\` must name at least one algorithm`);
  return names.map((name) => {
    if (isAlgorithm(name)) return name;
    throw new Error(`\`${path}\` may hold only ${ALGORITHMS.join(', ')}`);
  });
}

function parseKeySource(value: unknown, path: string): KeySource {
  const fields = readSection(value, path, ['file', 'url']);
  if ((fields['file'] === undefined) === (fields['url'] === undefined))
    throw new Error(`\`${path}\` must have either \`file\` or \`url\``);
  if (fields['file'] !== undefined) return { file: readText(fields['file'], `${path}.file`) };
  return { url: parseKeyUrl(readText(fields['url'], `${path}.url`), `${path}.url`) };
}

function parseKeyUrl(text: string, path: string): string {
  const url = URL.parse(text);
  if (url === null) throw new Error(`\`${path}\` must be a url`);
  const loopback = ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback))
    throw new Error(`\`${path}\` must be https, or http on loopback`);
  if (url.username !== '' || url.password !== '') throw new Error(`\`${path}\` must not hold credentials`);
  return url.href;
}

function parseScopes(value: unknown, path: string): ReadonlyMap<string, readonly string[]> {
  const scopes = new Map<string, readonly string[]>();
  const fields: Section = value === undefined ? {} : readSection(value, path, Object.keys(value ?? {}));
  for (const [scope, patterns] of Object.entries(fields))
    scopes.set(scope, parsePatterns(patterns, `${path}.${scope}`));
  return scopes;
}

function parsePatterns(value: unknown, path: string): readonly string[] {
  return readList(value, path).map((pattern) => {
    if (typeof pattern === 'string' && isActionPattern(pattern)) return pattern;
    throw new Error(`\`${path}\` must hold action names, \`prefix.*\` or \`*\``);
  });
}

function parseStepUp(value: unknown): StepUp | undefined {
  if (value === undefined) return undefined;
  const fields = readSection(value, 'token.step_up', ['acr_values', 'max_age_seconds']);
  const acrValues = readList(fields['acr_values'] ?? [], 'token.step_up.acr_values').map((item) => {
    const text = readText(item, 'token.step_up.acr_values');
    // It will stand inside a quoted string of a header (RFC 9110 §5.6.4).
    if (!/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(text))
      throw new Error('`token.step_up.acr_values` must be plain words');
    return text;
  });
  const maxAge = fields['max_age_seconds'];
  const range = { least: 0, most: 86_400 };
  const maxAgeSeconds =
    maxAge === undefined ? undefined : readWhole(maxAge, 'token.step_up.max_age_seconds', range);
  return { acrValues, maxAgeSeconds };
}
