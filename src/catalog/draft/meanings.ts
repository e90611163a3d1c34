import { type Table, tableOf } from './words.ts';

/**
 * What a word in an argument's name is about. `party`: a person or account that gets something; `net`: an address
 * on the network; `place`: where in the world; `path`: where among files; `holder`: what holds other things.
 */
export type Meaning =
  | 'party'
  | 'net'
  | 'place'
  | 'path'
  | 'holder'
  | 'thing'
  | 'amount'
  | 'content'
  | 'secret'
  | 'code'
  | 'plain';

export const MEANINGS: Table<Meaning> = tableOf({
  party: `recipient receiver payee beneficiary addressee invitee assignee attendee participant member collaborator guest
    subscriber contact user username account iban bic swift wallet channel chat room group team audience destination
    dest target to cc bcc email mail phone mobile tel telephone fax address from sender payer owner customer client
    person people reviewer approver author friend mailbox msisdn creditor debtor routing vendor supplier`,
  net: `url uri href link website webhook callback endpoint host hostname domain ip site webpage redirect proxy server`,
  place: 'street city zip postal postcode country county province town location',
  path: 'path dir directory folder filepath mount',
  holder: `repo repository project workspace board database db table collection index bucket queue topic branch org
    organization organisation namespace cluster dataset container`,
  thing: `id key uuid guid slug name filename file document doc attachment image photo item invoice ticket record
    entry row product sku ref reference event task case issue order booking calendar page resource object node
    number no nr code identifier sha hash isin symbol ticker barcode flight hotel restaurant handle`,
  amount: `amount price quantity qty total sum cost fee balance budget percent percentage share tip discount
    payment salary unit volume deposit spend`,
  content: `body text content message subject description note comment title summary caption memo reason
    instruction prompt question answer reply html markdown template bio headline feedback remark annotation
    abstract transcript sentence paragraph greeting signature`,
  secret: 'password passwd pwd passphrase secret credential otp pin cvv cvc ssn apikey token',
  code: 'sql script shell bash cmd command javascript python statement',
  plain: `language lang locale timezone tz currency format type kind status state category sort orderby direction
    limit offset cursor priority color colour mode encoding permission role access level version query q search filter
    keyword term tag label field include exclude verbose recurring recurrence frequency interval n top max min size
    width height length depth model temperature style theme icon gender date time datetime timestamp day month year
    week hour minute second start end since until before after deadline due duration ttl timeout retry rating score
    rank age latitude longitude lat lng lon radius zoom period range quarter count scope dry force recursive confirm
    enabled disabled active public private result step seed visibility`,
});

/** Words that say which one of what stands before them: `recipient_id` is about a recipient. */
export const POINTERS: Table<'which' | 'called'> = tableOf({
  which: 'id uuid guid identifier ref slug key number no nr',
  called: 'name code handle address login',
});

/** Heads that say nothing: what stands before them does. */
export const VAGUE: Table<'vague'> = tableOf({
  vague:
    'info information detail data payload value list array object setting config option param parameter spec input',
});

/** Before `token` or `key`: it tells where a list goes on, or how many words a model may write. */
export const NO_SECRET: Table<'mark'> = tableOf({
  mark: 'page next previous prev continuation sync cursor max min num primary sort partition foreign idempotency',
});

/** Before `key` or `number`: who has it gets in, or pays. */
export const SECRET_KEYS: Table<'secret'> = tableOf({
  secret: 'api private public ssh access encryption signing card security',
});

/** Kept out of the record beside secrets. */
export const SENSITIVE: Table<'sensitive'> = tableOf({
  sensitive: 'iban passport ssn card dob birthdate birthday salary diagnosis cvv cvc pin',
});

/** JSON Schema formats, the standard's and those in common use. */
export const FORMATS: ReadonlyMap<string, Meaning> = new Map([
  ...['email', 'idn-email', 'phone', 'tel', 'iban', 'bic'].map((format) => [format, 'party'] as const),
  ...['uri', 'url', 'iri', 'uri-reference', 'iri-reference', 'uri-template'].map(
    (format) => [format, 'net'] as const,
  ),
  ...['hostname', 'idn-hostname', 'ipv4', 'ipv6'].map((format) => [format, 'net'] as const),
  ...['date', 'time', 'date-time', 'duration', 'regex'].map((format) => [format, 'plain'] as const),
  ['uuid', 'thing'],
  ['password', 'secret'],
]);
