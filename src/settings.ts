import type { JsonValue } from './model/json.ts';
import { SESSION_SETTINGS } from './session/config.ts';

interface Setting {
  readonly key: string;
  /** Environment variable that takes the key's place. */
  readonly env?: string;
  readonly words: string;
  /** What the example file shows: every key that the section takes. */
  readonly example: JsonValue;
  /** What is said of keys inside it, above the first of each name. */
  readonly notes?: Readonly<Record<string, string>>;
}

/** The session section by its own table, every key at its default; `store` stands outside of it. */
const SESSION = SESSION_SETTINGS.filter(({ key }) => key !== 'store');

/** The one description of the file: the example is generated from it, and no other key is taken. */
export const SETTINGS: readonly Setting[] = [
  {
    key: 'listen',
    env: 'ASSENT_LISTEN',
    words:
      'Addresses to serve gRPC on: `host:port` or `unix:/path`. Plaintext TCP only with --dev on loopback.',
    example: ['127.0.0.1:7443'],
  },
  {
    key: 'tls',
    words:
      'Files in PEM. With `client_ca` every caller must show a certificate of that authority (mutual TLS).',
    example: { cert: 'tls/server.crt', key: 'tls/server.key', client_ca: 'tls/clients.crt' },
  },
  {
    key: 'store',
    env: 'ASSENT_STORE',
    words:
      'Sessions, policy and proofs: a path for the embedded store (one process), or a Redis that replicas share: `redis://HOST:PORT/DB`, `redis+sentinel://HOST:PORT,…/NAME` or `redis+cluster://HOST:PORT,…`; `rediss` for TLS.',
    example: 'redis://127.0.0.1:6379/0',
  },
  {
    key: 'fleet_key_file',
    words: 'At least 32 secret bytes in base64url, the same on every replica, never in the store.',
    example: 'secrets/fleet.key',
  },
  {
    key: 'enforcement_points',
    words:
      'Who may call: one of `key_file`, `key_sha256` or `mtls_name`. Roles: asker, opener, details, author, security, admin.',
    example: [
      { id: 'payments-gateway', tenant: 'acme', roles: ['asker', 'opener'], key_file: 'secrets/gateway.key' },
      { id: 'mail-gateway', tenant: 'acme', roles: ['asker'], key_sha256: '0'.repeat(64) },
      { id: 'policy-pipeline', tenant: 'acme', roles: ['author'], mtls_name: 'pipeline.acme.example' },
    ],
    notes: {
      key_file: '22 to 512 visible ASCII characters',
      key_sha256: 'of the key’s text, in lower-case hex',
      mtls_name: 'DNS name or URI in the client certificate; needs `tls.client_ca`',
    },
  },
  {
    key: 'token',
    words: 'Issuers of the agents’ tokens, and what a challenge asks for where stepping up would help.',
    example: {
      issuers: [
        {
          issuer: 'https://login.acme.example',
          audience: 'https://assent.acme.example',
          algorithms: ['ES256'],
          keys: { url: 'https://login.acme.example/jwks.json' },
          scopes: { payments: ['payment.*', 'invoice.*'] },
        },
        {
          issuer: 'https://old.acme.example',
          audience: 'assent',
          algorithms: ['RS256'],
          keys: { file: 'issuers/old.jwks.json' },
          scopes: {},
          plain_jwt: false,
          legacy_act_without_iss: false,
          require_bound: false,
          max_lifetime_seconds: 3600,
          leeway_seconds: 5,
        },
      ],
      step_up: { acr_values: ['mfa'], max_age_seconds: 300 },
    },
    notes: {
      algorithms: 'any of RS256, PS256, ES256, ES384, EdDSA',
      keys: 'a `file` or a `url`',
      scopes: 'scope of a token to patterns of actions; one that is not here permits nothing',
      plain_jwt: 'takes tokens whose `typ` is JWT or missing; this and what follows stand at their defaults',
      legacy_act_without_iss: 'takes an `act` without `iss` for one of this issuer',
      require_bound: 'refuses tokens that are bound to no key and no certificate',
      max_lifetime_seconds: 'longest from `iat` to `exp`, 1 to 86400',
      leeway_seconds: 'what clocks may differ, 0 to 60',
      acr_values: 'absent: none',
      max_age_seconds: 'since the user logged in, 0 to 86400; absent: any',
    },
  },
  {
    key: 'delegation',
    words: 'Registered agents and the public keys that they sign hops with. Absent: nobody delegates.',
    example: {
      agents: [
        {
          iss: 'https://login.acme.example',
          id: 'orchestrator',
          keys: { file: 'agents/orchestrator.jwks.json' },
        },
        {
          iss: 'https://login.acme.example',
          id: 'payer',
          keys: [],
          actions: ['payment.*', 'invoice.*'],
          delegated_only: true,
          agent: 'payer',
        },
      ],
      max_depth: 8,
    },
    notes: {
      keys: '`file` of a JWK set, or the list of keys; absent: it hands nothing on',
      actions: 'the most that it may do or hand on; absent: what its token or chain says',
      delegated_only: 'acts on a delegation chain or not at all; default false',
      agent: 'identities with one name are one agent; absent: a name of its own',
      max_depth: 'hops of a chain, 1 to 8',
    },
  },
  {
    key: 'session',
    words: 'Bounds of sessions; every key has a default.',
    example: Object.fromEntries(SESSION.map(({ key, default: value }) => [key, value])),
    notes: Object.fromEntries(SESSION.map(({ key, meaning }) => [key, meaning])),
  },
  {
    key: 'catalog',
    words: 'File that says of every action its class, arguments and outputs.',
    example: 'policies/catalog.json',
  },
  {
    key: 'policy',
    words: 'The bundle to start with, and how policies are kept and run.',
    example: { bundle: 'policies/finance.bundle', watch_interval_ms: 500, memory_mib: 64 },
    notes: {
      bundle: 'in force until one is pushed; absent: the finance bundle that ships',
      watch_interval_ms: 'milliseconds between looks at what other replicas activated, 100 to 1000',
      memory_mib: 'most memory of one policy instance, MiB, 8 to 1024; equal on all replicas',
    },
  },
  {
    key: 'record_log',
    words:
      'Where records go. `disk` waits for the medium (the default with Redis), `os` for the kernel (the default with the embedded store). At start `verify` checks `all` records, or only the `tail`: the last two segments.',
    example: { directory: '/var/lib/assent/records', durability: 'disk', verify: 'all' },
  },
  {
    key: 'telemetry',
    env: 'ASSENT_LOG_LEVEL',
    words:
      'Prometheus endpoint (`listen`; leave it out for none) and `log_level`: debug, info, warn, error, silent.',
    example: { listen: '127.0.0.1:9464', log_level: 'info' },
  },
  {
    key: 'reflection',
    words:
      'Whether grpcurl and the like may ask for the contract, without a key. With --dev they may, unless told otherwise.',
    example: false,
  },
  { key: 'max_asks', words: 'Asks in flight before more are shed.', example: 4096 },
  {
    key: 'watchdog_ms',
    words:
      'Milliseconds that the event loop may stand still, as in an evaluation that does not end, before the process says where and ends itself; 0 for ever.',
    example: 5000,
  },
];

/** The example file, as checked in: JSON, with whole-line comments. */
export function configExample(): string {
  const lines = [
    '// Configuration of `assent serve --config FILE`. A line that begins with // is a comment.',
    '{',
  ];
  SETTINGS.forEach(({ key, env, words, example, notes = {} }, index) => {
    lines.push(`  // ${words}${env === undefined ? '' : ` Environment: ${env}.`}`);
    const value = noted(JSON.stringify(example, null, 2).split('\n'), notes).join('\n  ');
    lines.push(`  ${JSON.stringify(key)}: ${value}${index === SETTINGS.length - 1 ? '' : ','}`);
  });
  return `${lines.join('\n')}\n}\n`;
}

/** With each note as a comment above the first line that begins with its key. */
function noted(lines: readonly string[], notes: NonNullable<Setting['notes']>): string[] {
  const left = new Map(Object.entries(notes));
  return lines.flatMap((line) => {
    const [, blanks = '', key = ''] = /^( *)"([^"]+)": /.exec(line) ?? [];
    const note = left.get(key);
    left.delete(key);
    return note === undefined ? [line] : [`${blanks}// ${note}`, line];
  });
}
