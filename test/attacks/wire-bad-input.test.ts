import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { expect, test } from 'vitest';
import {
  AuthorizeRequestSchema,
  Outcome,
  ReportRequestSchema,
} from '../../src/gen/assent/v1/authorization_pb.js';
import { PatchDataRequestSchema, PushBundleRequestSchema } from '../../src/gen/assent/v1/policy_pb.js';
import { OpenSessionRequestSchema } from '../../src/gen/assent/v1/session_pb.js';
import {
  type AskInit,
  AUTHORIZE,
  askBytes,
  askInit,
  BATCH,
  json,
  requestId,
  serve,
} from '../wire/harness.ts';

const KIB = 1024;
const SOON = { seconds: BigInt(Math.floor(Date.now() / 1000) + 3600) };

/** A good ask with a raw field added behind it. */
function withRaw(write: (writer: BinaryWriter) => void, base: Uint8Array = askBytes()): Uint8Array {
  const writer = new BinaryWriter().raw(base);
  write(writer);
  return writer.finish();
}

/** A length-delimited field. */
function field(writer: BinaryWriter, number: number, value: Uint8Array): BinaryWriter {
  return writer.tag(number, WireType.LengthDelimited).bytes(value);
}

/** A good ask whose action is these bytes. */
function withAction(action: Uint8Array): Uint8Array {
  return withRaw((writer) => field(writer, 2, action), askBytes({ action: undefined }));
}

const args = (text: string): Uint8Array => askBytes({ action: { name: 'a', argumentsJson: json(text) } });
const token = (value: string): AskInit => ({ credential: { form: { case: 'bearerToken', value } } });
const dpop = { token: 't', proof: 'p', method: 'POST', url: 'https://tool.example/' };
const mandate = { taskType: 'run', actions: ['*'], expireTime: SOON };
const open = (over: object, key = 'k'): AskInit => ({
  session: { reference: { case: 'open', value: { key, mandate: { ...mandate, ...over } } } },
});
const NOT_UTF8 = Uint8Array.of(0xff, 0xfe);

/** What is wrong, the request, the field that the answer must name. */
const BAD_ASKS: readonly (readonly [string, Uint8Array, string])[] = [
  // Bytes that are no message, or another one than the sender meant.
  ['garbage bytes', Uint8Array.from({ length: 200 }, (_, i) => (i * 73 + 7) % 256), 'request'],
  ['a tag without a value', Uint8Array.of(0x0a), 'request_id'],
  ['a varint without an end', new Uint8Array(40).fill(0xff), 'request'],
  ['a field number 0', withRaw((w) => w.uint32(0)), 'request'],
  ['a length past the end', withRaw((w) => w.tag(6, WireType.LengthDelimited).uint32(1000)), 'operation_id'],
  ['a nested length past its message', withAction(Uint8Array.of(0x0a, 50, 0x61)), 'action.name'],
  ['a length of nearly 2^32', withAction(Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f)), 'action.name'],
  ['a group', withRaw((w) => w.tag(6, WireType.StartGroup)), 'operation_id'],
  ['an unknown field', withRaw((w) => w.tag(77, WireType.Varint).uint32(1)), '#77'],
  ['an unknown field of the action', withAction(Uint8Array.of(0x0a, 1, 0x61, 0x78, 1)), 'action.#15'],
  ['a number where text belongs', withRaw((w) => w.tag(6, WireType.Varint).uint32(1)), 'operation_id'],
  ['text where a flag belongs', withRaw((w) => field(w, 10, json('x'))), 'dry_run'],
  ['a flag of 2', withRaw((w) => w.tag(10, WireType.Varint).uint32(2)), 'dry_run'],
  [
    'a request id twice',
    withRaw((w) => w.tag(1, WireType.LengthDelimited).string(requestId())),
    'request_id',
  ],
  ['two actions, which would be merged', withRaw((w) => field(w, 2, Uint8Array.of(0x0a, 1, 0x62))), 'action'],
  [
    'both session references',
    withRaw(
      (w) =>
        field(
          w,
          4,
          new BinaryWriter()
            .tag(1, WireType.LengthDelimited)
            .string('a')
            .tag(2, WireType.LengthDelimited)
            .bytes(new Uint8Array())
            .finish(),
        ),
      askBytes({ session: undefined }),
    ),
    'session.reference',
  ],
  [
    'both credential forms',
    withRaw(
      (w) =>
        field(
          w,
          3,
          new BinaryWriter()
            .tag(1, WireType.LengthDelimited)
            .string('a')
            .tag(2, WireType.LengthDelimited)
            .bytes(new Uint8Array())
            .finish(),
        ),
      askBytes({ credential: undefined }),
    ),
    'credential.form',
  ],
  [
    'an action name that is not utf-8',
    withAction(new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(NOT_UTF8).finish()),
    'action.name',
  ],
  ['a hop that is not utf-8', withRaw((w) => field(w, 5, NOT_UTF8), askBytes({ chain: ['ok'] })), 'chain[1]'],

  // Missing fields.
  ['nothing at all', new Uint8Array(), 'request_id'],
  ['no request id', askBytes({ requestId: '' }), 'request_id'],
  ['no action', askBytes({ action: undefined }), 'action'],
  ['no action name', askBytes({ action: { name: '' } }), 'action.name'],
  ['no credential', askBytes({ credential: undefined }), 'credential'],
  ['a credential without a form', askBytes({ credential: {} }), 'credential.form'],
  ['an empty token', askBytes(token('')), 'credential.bearer_token'],
  [
    'no proof',
    askBytes({ credential: { form: { case: 'dpop', value: { ...dpop, proof: '' } } } }),
    'credential.dpop.proof',
  ],
  [
    'no method',
    askBytes({ credential: { form: { case: 'dpop', value: { ...dpop, method: '' } } } }),
    'credential.dpop.method',
  ],
  [
    'no url',
    askBytes({ credential: { form: { case: 'dpop', value: { ...dpop, url: '' } } } }),
    'credential.dpop.url',
  ],
  ['an empty session reference', askBytes({ session: {} }), 'session.reference'],
  ['an empty session id', askBytes({ session: { reference: { case: 'id', value: '' } } }), 'session.id'],
  ['an open without a key', askBytes(open({}, '')), 'session.open.key'],
  [
    'an open without a mandate',
    askBytes({ session: { reference: { case: 'open', value: { key: 'k' } } } }),
    'session.open.mandate',
  ],
  ['an empty hop', askBytes({ chain: ['a', ''] }), 'chain[1]'],

  // Ids.
  ['a uuid of version 4', askBytes({ requestId: '01990b2e-7c00-4abc-8def-0123456789ab' }), 'request_id'],
  [
    'a uuid of another variant',
    askBytes({ requestId: '01990b2e-7c00-7abc-cdef-0123456789ab' }),
    'request_id',
  ],
  ['a uuid in upper case', askBytes({ requestId: '01990B2E-7C00-7ABC-8DEF-0123456789AB' }), 'request_id'],
  ['a uuid in braces', askBytes({ requestId: '{01990b2e-7c00-7abc-8def-0123456789ab}' }), 'request_id'],
  ['a padded uuid', askBytes({ requestId: '01990b2e-7c00-7abc-8def-0123456789ab\n' }), 'request_id'],
  ['a blank in an action name', askBytes({ action: { name: 'payment send' } }), 'action.name'],
  ['a line end after an action name', askBytes({ action: { name: 'payment.send\n' } }), 'action.name'],
  ['a look-alike in an action name', askBytes({ action: { name: 'pаyment.send' } }), 'action.name'],
  ['129 characters of action', askBytes({ action: { name: 'a'.repeat(129) } }), 'action.name'],
  ['129 characters of operation id', askBytes({ operationId: 'a'.repeat(129) }), 'operation_id'],
  ['a blank in an operation id', askBytes({ operationId: 'a b' }), 'operation_id'],
  [
    'a blank in a session id',
    askBytes({ session: { reference: { case: 'id', value: 'a b' } } }),
    'session.id',
  ],
  [
    '129 characters of resource type',
    askBytes({ action: { name: 'a', resource: { type: 'a'.repeat(129) } } }),
    'action.resource.type',
  ],
  [
    '257 characters of resource id',
    askBytes({ action: { name: 'a', resource: { id: 'a'.repeat(257) } } }),
    'action.resource.id',
  ],
  [
    'a control character in a resource id',
    askBytes({ action: { name: 'a', resource: { id: 'a\u0000b' } } }),
    'action.resource.id',
  ],
  [
    'a thumbprint of another length',
    askBytes({ credential: { ...token('t').credential, certificateThumbprint: 'A'.repeat(42) } }),
    'credential.certificate_thumbprint',
  ],
  [
    'a thumbprint with padding',
    askBytes({ credential: { ...token('t').credential, certificateThumbprint: `${'A'.repeat(43)}=` } }),
    'credential.certificate_thumbprint',
  ],
  [
    'a second spelling of a thumbprint',
    askBytes({ credential: { ...token('t').credential, certificateThumbprint: `${'A'.repeat(42)}B` } }),
    'credential.certificate_thumbprint',
  ],
  [
    'a method with a line end',
    askBytes({ credential: { form: { case: 'dpop', value: { ...dpop, method: 'POST\r\n' } } } }),
    'credential.dpop.method',
  ],
  [
    'a url with a blank',
    askBytes({ credential: { form: { case: 'dpop', value: { ...dpop, url: 'https://a b' } } } }),
    'credential.dpop.url',
  ],
  [
    'a trace context of zeros',
    askBytes({ traceparent: `00-${'0'.repeat(32)}-b7ad6b7169203331-01` }),
    'traceparent',
  ],
  ['a trace context that is none', askBytes({ traceparent: 'x' }), 'traceparent'],

  // Sizes.
  ['a token past 16 KiB', askBytes(token('t'.repeat(16 * KIB + 1))), 'credential.bearer_token'],
  ['a token past 16 KiB in bytes only', askBytes(token('é'.repeat(8 * KIB + 1))), 'credential.bearer_token'],
  [
    'a proof past 16 KiB',
    askBytes({ credential: { form: { case: 'dpop', value: { ...dpop, proof: 'p'.repeat(16 * KIB + 1) } } } }),
    'credential.dpop.proof',
  ],
  [
    'a url past 2048',
    askBytes({
      credential: { form: { case: 'dpop', value: { ...dpop, url: `https://${'a'.repeat(2048)}` } } },
    }),
    'credential.dpop.url',
  ],
  ['nine hops', askBytes({ chain: Array.from({ length: 9 }, () => 'h') }), 'chain'],
  ['a hop past 16 KiB', askBytes({ chain: ['h'.repeat(16 * KIB + 1)] }), 'chain[0]'],
  ['arguments past 256 KiB', args(`{"a":"${'x'.repeat(256 * KIB)}"}`), 'action.arguments_json'],
  [
    'a context past 16 KiB',
    askBytes({ contextJson: json(`{"a":"${'x'.repeat(16 * KIB)}"}`) }),
    'context_json',
  ],
  [
    'properties past 16 KiB',
    askBytes({
      action: { name: 'a', resource: { propertiesJson: json(`{"a":"${'x'.repeat(16 * KIB)}"}`) } },
    }),
    'action.resource.properties_json',
  ],

  // JSON that two readers could understand differently.
  ['arguments that are no json', args('{"a":'), 'action.arguments_json.a'],
  ['arguments that are a list', args('[1]'), 'action.arguments_json'],
  ['arguments that are null', args('null'), 'action.arguments_json'],
  ['bytes behind the arguments', args('{} {}'), 'action.arguments_json'],
  ['a comment', args('{/**/}'), 'action.arguments_json'],
  ['a byte order mark', args('\ufeff{}'), 'action.arguments_json'],
  ['a duplicate member', args('{"to":"alice","to":"mallory"}'), 'action.arguments_json.to'],
  ['a duplicate member spelt with an escape', args('{"to":1,"t\\u006f":2}'), 'action.arguments_json.to'],
  [
    'a duplicate member far down',
    args('{"items":[{},{},{"a":1,"a":2}]}'),
    'action.arguments_json.items[2].a',
  ],
  ['__proto__', args('{"x":{"__proto__":{"admin":true}}}'), 'action.arguments_json.x.__proto__'],
  ['a lone surrogate', args('{"a":"\\ud800"}'), 'action.arguments_json.a'],
  ['1e400', args('{"amount":1e400}'), 'action.arguments_json.amount'],
  ['a number past 2^53', args('{"amount":[9007199254740993]}'), 'action.arguments_json.amount[0]'],
  [
    'a fraction that would be rounded',
    args('{"amount":0.1000000000000000055511151231257827}'),
    'action.arguments_json.amount',
  ],
  ['NaN', args('{"amount":NaN}'), 'action.arguments_json.amount'],
  ['Infinity', args('{"amount":-Infinity}'), 'action.arguments_json.amount'],
  ['a hexadecimal number', args('{"amount":0x10}'), 'action.arguments_json'],
  [
    'arguments that are not utf-8',
    askBytes({
      action: { name: 'a', argumentsJson: Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d) },
    }),
    'action.arguments_json',
  ],
  ['33 levels', args(`${'{"a":'.repeat(32)}{}${'}'.repeat(32)}`), `action.arguments_json${'.a'.repeat(32)}`],
  ['ten thousand levels', args(`{"a":${'['.repeat(10_000)}`), `action.arguments_json.a${'[0]'.repeat(31)}`],
  ['a duplicate member of the context', askBytes({ contextJson: json('{"a":1,"a":1}') }), 'context_json.a'],
  [
    'a duplicate member of the properties',
    askBytes({ action: { name: 'a', resource: { propertiesJson: json('{"a":1,"a":1}') } } }),
    'action.resource.properties_json.a',
  ],

  // Times.
  ['a timeout of nothing', askBytes({ timeout: {} }), 'timeout'],
  ['a timeout past 5 s', askBytes({ timeout: { seconds: 5n, nanos: 1 } }), 'timeout'],
  ['a timeout of centuries', askBytes({ timeout: { seconds: 315_576_000_000n } }), 'timeout'],
  ['a timeout before now', askBytes({ timeout: { seconds: -1n } }), 'timeout.seconds'],
  ['nanoseconds below 0', askBytes({ timeout: { seconds: 1n, nanos: -1 } }), 'timeout.nanos'],
  ['nanoseconds of more than a second', askBytes({ timeout: { nanos: 1_000_000_000 } }), 'timeout.nanos'],

  // Mandates.
  ['a mandate without a task type', askBytes(open({ taskType: '' })), 'session.open.mandate.task_type'],
  ['a mandate without actions', askBytes(open({ actions: [] })), 'session.open.mandate.actions'],
  [
    '65 actions',
    askBytes(open({ actions: Array.from({ length: 65 }, () => 'a') })),
    'session.open.mandate.actions',
  ],
  [
    'a pattern in the middle of a name',
    askBytes(open({ actions: ['a', 'pay*'] })),
    'session.open.mandate.actions[1]',
  ],
  ...['a..b', 'a.', 'a..*', '.a', 'a@b'].map((pattern): (typeof BAD_ASKS)[number] => [
    `the pattern ${pattern}, which no action can match`,
    askBytes(open({ actions: ['a', pattern] })),
    'session.open.mandate.actions[1]',
  ]),
  ['a mandate without an end', askBytes(open({ expireTime: undefined })), 'session.open.mandate.expire_time'],
  [
    'a mandate past 30 days',
    askBytes(open({ expireTime: { seconds: SOON.seconds + 2_600_000n } })),
    'session.open.mandate.expire_time',
  ],
  [
    'a mandate past the end of time',
    askBytes(open({ expireTime: { seconds: 2n ** 62n } })),
    'session.open.mandate.expire_time.seconds',
  ],
  [
    'a purpose past 16 KiB',
    askBytes(open({ purpose: 'p'.repeat(16 * KIB + 1) })),
    'session.open.mandate.purpose',
  ],
  [
    '65 declared values',
    askBytes(open({ declared: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`n${i}`, 'v'])) })),
    'session.open.mandate.declared',
  ],
  [
    'a declared value past 1 KiB',
    askBytes(open({ declared: { invoice: 'v'.repeat(KIB + 1) } })),
    'session.open.mandate.declared.invoice',
  ],
  [
    'a declared value without a name',
    askBytes(open({ declared: { '': 'v' } })),
    'session.open.mandate.declared',
  ],
  [
    '17 limits',
    askBytes(open({ limits: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`n${i}`, '1'])) })),
    'session.open.mandate.limits',
  ],
  ['a limit below 0', askBytes(open({ limits: { eur: '-1' } })), 'session.open.mandate.limits.eur'],
  ['a limit with an exponent', askBytes(open({ limits: { eur: '1e3' } })), 'session.open.mandate.limits.eur'],
  ['a limit with a blank', askBytes(open({ limits: { eur: ' 1' } })), 'session.open.mandate.limits.eur'],
  [
    'a subject without an issuer',
    askBytes(open({ subject: { id: 'alice' } })),
    'session.open.mandate.subject.issuer',
  ],
  [
    'an actor without an id',
    askBytes(open({ actor: { issuer: 'https://idp' } })),
    'session.open.mandate.actor.id',
  ],
  [
    'an unseen character in an actor',
    askBytes(open({ actor: { issuer: 'https://idp', id: 'a\u200bb' } })),
    'session.open.mandate.actor.id',
  ],
];

test.each(BAD_ASKS)('%s: INVALID_ARGUMENT that names the field', async (_, bytes, name) => {
  const house = await serve();
  const reply = await house.call(AUTHORIZE, bytes);
  expect(reply).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'MALFORMED_REQUEST' });
  expect(reply.fields.map(({ field }) => field)).toEqual([name]);
  expect(house.asks).toHaveLength(0);
  // The caller's own words are no news for a log.
  expect(house.lines.filter(({ level }) => level !== 'info')).toEqual([]);
});

const FINE: readonly (readonly [string, Uint8Array])[] = [
  [
    'a method of 32 letters',
    askBytes({ credential: { form: { case: 'dpop', value: { ...dpop, method: 'M'.repeat(32) } } } }),
  ],
  ['2^53 exactly', args('{"amount":9007199254740992}')],
  ['a whole number of 21 digits that a double holds', args('{"amount":100000000000000000000}')],
  ['32 levels', args(`${'{"a":'.repeat(31)}{}${'}'.repeat(31)}`)],
  ['256 KiB of arguments', args(`{"a":"${'x'.repeat(256 * KIB - 8)}"}`)],
  ['eight hops of 16 KiB', askBytes({ chain: Array.from({ length: 8 }, () => 'h'.repeat(16 * KIB)) })],
  ['names that objects inherit', args('{"constructor":1,"toString":2,"hasOwnProperty":3}')],
  ['an astral character', args('{"a":"\\ud83d\\ude00😀"}')],
  ['no arguments', askBytes({ action: { name: 'a' } })],
  ['no session', askBytes({ session: undefined })],
  ['a mandate that has ended, repeated by a later ask', askBytes(open({ expireTime: { seconds: 1n } }))],
];

test.each(FINE)('%s is fine', async (_, bytes) => {
  const house = await serve();
  expect(await house.call(AUTHORIZE, bytes)).toMatchObject({ code: 'OK' });
  expect(house.asks).toHaveLength(1);
});

test('a message past 1 MiB is RESOURCE_EXHAUSTED, and one past 4 MiB does not get in', async () => {
  const house = await serve();
  const large = askBytes({ chain: Array.from({ length: 70 }, () => 'h'.repeat(16 * KIB)) });
  expect(await house.call(AUTHORIZE, large)).toMatchObject({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'MESSAGE_TOO_LARGE',
    facts: { max_bytes: String(1024 * KIB) },
  });
  const larger = new Uint8Array(5 * 1024 * KIB);
  expect((await house.call(AUTHORIZE, larger)).code).toBe('RESOURCE_EXHAUSTED');
  expect((await house.call(AUTHORIZE, askBytes())).code).toBe('OK');
});

test.each([
  ['of 33 letters is too long', 'M'.repeat(33), 'is longer than 32 characters'],
  ['with a blank is no method', 'PO ST', 'holds a character that it may not'],
])('a method %s, and is told so', async (_, method, problem) => {
  const house = await serve();
  const bytes = askBytes({ credential: { form: { case: 'dpop', value: { ...dpop, method } } } });
  expect(await house.call(AUTHORIZE, bytes)).toMatchObject({
    code: 'INVALID_ARGUMENT',
    fields: [{ field: 'credential.dpop.method', description: problem }],
  });
});

test('a field name of the attacker is cut and cannot break the trailers', async () => {
  const house = await serve();
  for (const name of [
    '\\ud83d\\ude00'.repeat(3000),
    `${'x'.repeat(255)}😀`,
    'a\\r\\ngrpc-status: 0\\r\\n',
    '€'.repeat(4000),
  ]) {
    const reply = await house.call(AUTHORIZE, args(`{"${name}":1,"${name}":2}`));
    expect(reply).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'MALFORMED_REQUEST' });
    expect(reply.fields[0]?.field.length).toBeLessThanOrEqual(256);
  }
});

const DOUBLED_KEY = new BinaryWriter();
for (const value of ['1', '2'])
  field(
    DOUBLED_KEY,
    5,
    new BinaryWriter()
      .tag(1, WireType.LengthDelimited)
      .string('eur')
      .tag(2, WireType.LengthDelimited)
      .string(value)
      .finish(),
  );

const OTHER_METHODS: readonly (readonly [string, string, Uint8Array, string])[] = [
  [
    'a report without an outcome',
    'AuthorizationService/Report',
    reportBytes({ outcome: Outcome.UNSPECIFIED }),
    'outcome',
  ],
  ['a report with an unknown outcome', 'AuthorizationService/Report', reportBytes({ outcome: 9 }), 'outcome'],
  [
    'an outcome that is EXECUTED in its low 32 bits',
    'AuthorizationService/Report',
    new BinaryWriter()
      .raw(reportBytes({ outcome: 0 }))
      .tag(3, WireType.Varint)
      .uint64(2n ** 32n + 1n)
      .finish(),
    'outcome',
  ],
  [
    'a report without a decision',
    'AuthorizationService/Report',
    reportBytes({ decisionId: '' }),
    'decision_id',
  ],
  ['a report without a session', 'AuthorizationService/Report', reportBytes({ sessionId: '' }), 'session_id'],
  [
    'an output past 512 KiB',
    'AuthorizationService/Report',
    reportBytes({ output: new Uint8Array(512 * KIB + 1) }),
    'output',
  ],
  [
    'a media type that is none',
    'AuthorizationService/Report',
    reportBytes({ outputMediaType: 'json' }),
    'output_media_type',
  ],
  [
    'a proof past 1 KiB',
    'AuthorizationService/Report',
    reportBytes({ failureProof: 'p'.repeat(KIB + 1) }),
    'failure_proof',
  ],
  [
    'an opening without a mandate',
    'SessionService/OpenSession',
    openBytes({ mandate: undefined }),
    'mandate',
  ],
  [
    'an opening under a mandate that has ended',
    'SessionService/OpenSession',
    openBytes({ mandate: { ...mandate, expireTime: { seconds: 1n } } }),
    'mandate.expire_time',
  ],
  ['an open key with a blank', 'SessionService/OpenSession', openBytes({ openKey: 'a b' }), 'open_key'],
  [
    'a limit twice',
    'SessionService/OpenSession',
    new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(DOUBLED_KEY.finish()).finish(),
    'mandate.limits',
  ],
  ['a session without an id', 'SessionService/GetSession', new Uint8Array(), 'session_id'],
  [
    'a page size below 0',
    'SessionService/ListSessions',
    new BinaryWriter().tag(1, WireType.Varint).int32(-1).finish(),
    'page_size',
  ],
  [
    'a page token past 1 KiB',
    'SessionService/ListSessions',
    new BinaryWriter()
      .tag(2, WireType.LengthDelimited)
      .string('t'.repeat(KIB + 1))
      .finish(),
    'page_token',
  ],
  [
    'a suspension with a long cause',
    'SessionService/SuspendSession',
    new BinaryWriter()
      .tag(1, WireType.LengthDelimited)
      .string('s')
      .tag(2, WireType.LengthDelimited)
      .string('c'.repeat(KIB + 1))
      .finish(),
    'cause',
  ],
  ['a push of nothing', 'PolicyService/PushBundle', new Uint8Array(), 'content'],
  ['a push of no files', 'PolicyService/PushBundle', pushBytes({}), 'sources.files'],
  [
    'a path that climbs',
    'PolicyService/PushBundle',
    pushBytes({ 'rules/../../x.rego': '' }),
    'sources.files',
  ],
  ['a path from the root', 'PolicyService/PushBundle', pushBytes({ '/etc/x.rego': '' }), 'sources.files'],
  [
    'a path with a backslash',
    'PolicyService/PushBundle',
    pushBytes({ 'rules\\x.rego': '' }),
    'sources.files',
  ],
  [
    '501 files',
    'PolicyService/PushBundle',
    pushBytes(Object.fromEntries(Array.from({ length: 501 }, (_, i) => [`f${i}.rego`, '']))),
    'sources.files',
  ],
  [
    'files past 3 MiB together',
    'PolicyService/PushBundle',
    pushBytes({ 'a.rego': 'x'.repeat(2048 * KIB), 'b.rego': 'x'.repeat(1024 * KIB + 1) }),
    'sources.files',
  ],
  [
    'a patch without a path',
    'PolicyService/PatchData',
    patchBytes({ path: '', change: { case: 'remove', value: true } }),
    'path',
  ],
  [
    'a patch of __proto__',
    'PolicyService/PatchData',
    patchBytes({ path: 'finance/__proto__', change: { case: 'remove', value: true } }),
    'path',
  ],
  ['a patch without a change', 'PolicyService/PatchData', patchBytes({ path: 'finance' }), 'change'],
  [
    'a patch that does not remove',
    'PolicyService/PatchData',
    patchBytes({ path: 'finance', change: { case: 'remove', value: false } }),
    'remove',
  ],
  [
    'a patch with a duplicate member',
    'PolicyService/PatchData',
    patchBytes({ path: 'finance', change: { case: 'valueJson', value: json('{"a":{"b":1,"b":2}}') } }),
    'value_json.a.b',
  ],
  [
    'a version past 2^53',
    'PolicyService/PatchData',
    patchBytes({ path: 'finance', change: { case: 'remove', value: true }, expectedVersion: 2n ** 53n }),
    'expected_version',
  ],
  [
    'a revision that is none',
    'PolicyService/RollbackBundle',
    new BinaryWriter().tag(1, WireType.LengthDelimited).string('latest').finish(),
    'revision',
  ],
];

test.each(OTHER_METHODS)('%s (%s): INVALID_ARGUMENT that names the field', async (_, method, bytes, name) => {
  const house = await serve();
  const reply = await house.call(`/assent.v1.${method}`, bytes);
  expect(reply).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'MALFORMED_REQUEST' });
  expect(reply.fields.map(({ field }) => field)).toEqual([name]);
  expect(house.calls).toEqual([]);
  expect(house.reports).toEqual([]);
});

test('a batch whose frame is broken is refused, and one with a broken ask is not', async () => {
  const house = await serve();
  const framed = (asks: readonly Uint8Array[]): Uint8Array => {
    const writer = new BinaryWriter();
    for (const ask of asks) field(writer, 1, ask);
    return writer.finish();
  };
  const broken = await house.call(
    BATCH,
    withRaw((w) => w.tag(2, WireType.Varint).uint32(1), framed([askBytes()])),
  );
  expect(broken).toMatchObject({ code: 'INVALID_ARGUMENT', fields: [{ field: '#2' }] });
  expect(house.asks).toHaveLength(0);
  expect(await house.call(BATCH, framed([askBytes(), NOT_UTF8, askBytes()]))).toMatchObject({ code: 'OK' });
  expect(house.asks).toHaveLength(2);
});

function reportBytes(over: object): Uint8Array {
  const init = { decisionId: 'd', sessionId: 's', outcome: Outcome.EXECUTED, ...over };
  return toBinary(ReportRequestSchema, create(ReportRequestSchema, init));
}

function openBytes(over: object): Uint8Array {
  return toBinary(OpenSessionRequestSchema, create(OpenSessionRequestSchema, { mandate, ...over }));
}

function pushBytes(files: Record<string, string>): Uint8Array {
  const content = { case: 'sources', value: { files } } as const;
  return toBinary(PushBundleRequestSchema, create(PushBundleRequestSchema, { content }));
}

function patchBytes(init: Parameters<typeof create<typeof PatchDataRequestSchema>>[1]): Uint8Array {
  return toBinary(PatchDataRequestSchema, create(PatchDataRequestSchema, init));
}

test('the table above starts from an ask that is fine', async () => {
  const house = await serve();
  const bytes = toBinary(AuthorizeRequestSchema, create(AuthorizeRequestSchema, askInit()));
  expect(await house.call(AUTHORIZE, bytes)).toMatchObject({ code: 'OK' });
});
