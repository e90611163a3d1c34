import type { JsonValue } from './model/json.ts';
import { SESSION_SETTINGS } from './session/config.ts';

interface Setting {
  readonly key: string;
  /** Environment variable that takes the key's place. */
  readonly env?: string;
  readonly words: string;
  /** What the example file shows; undefined: shown as a comment only. */
  readonly example: JsonValue;
}

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
      'Who may call: one of `key_file`, `key_sha256` (hex) or `mtls_name`. Roles: asker, opener, details, author, security, admin.',
    example: [
      { id: 'payments-gateway', tenant: 'acme', roles: ['asker', 'opener'], key_file: 'secrets/gateway.key' },
      { id: 'policy-pipeline', tenant: 'acme', roles: ['author'], mtls_name: 'pipeline.acme.example' },
    ],
  },
  {
    key: 'token',
    words:
      'Issuers of the agents’ tokens. `keys` is a file or a URL; `scopes` maps a scope to action patterns.',
    example: {
      issuers: [
        {
          issuer: 'https://login.acme.example',
          audience: 'https://assent.acme.example',
          algorithms: ['ES256'],
          keys: { url: 'https://login.acme.example/jwks.json' },
          scopes: { payments: ['payment.*', 'invoice.*'] },
        },
      ],
    },
  },
  {
    key: 'delegation',
    words: 'Registered agents and the public keys that they sign hops with.',
    example: {
      agents: [
        {
          iss: 'https://login.acme.example',
          id: 'orchestrator',
          keys: { file: 'agents/orchestrator.jwks.json' },
        },
      ],
    },
  },
  { key: 'session', words: 'Bounds of sessions; every key has a default.', example: {} },
  {
    key: 'catalog',
    words: 'File that says of every action its class, arguments and outputs.',
    example: 'policies/catalog.json',
  },
  {
    key: 'policy',
    words: 'Bundle to start with, until one is pushed.',
    example: { bundle: 'policies/finance.bundle' },
  },
  {
    key: 'record_log',
    words:
      'Where records go. `disk` waits for the medium, `os` for the kernel. At start `verify` checks `all` records, or only the `tail`: the last two segments.',
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
  SETTINGS.forEach(({ key, env, words, example }, index) => {
    lines.push(`  // ${words}${env === undefined ? '' : ` Environment: ${env}.`}`);
    const value = key === 'session' ? sessionExample() : JSON.stringify(example, null, 2);
    lines.push(
      `  ${JSON.stringify(key)}: ${value.replaceAll('\n', '\n  ')}${index === SETTINGS.length - 1 ? '' : ','}`,
    );
  });
  return `${lines.join('\n')}\n}\n`;
}

/** The session section by its own table, every key at its default. */
function sessionExample(): string {
  const settings = SESSION_SETTINGS.filter(({ key }) => key !== 'store');
  const lines = settings.flatMap(({ key, meaning, default: value }, index) => [
    `  // ${meaning}`,
    `  ${JSON.stringify(key)}: ${JSON.stringify(value)}${index === settings.length - 1 ? '' : ','}`,
  ]);
  return `{\n${lines.join('\n')}\n}`;
}
