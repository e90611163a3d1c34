import { type Check, object, optional, type Shape, text } from './shape.ts';

/** Files of a TLS connection; `cert` and `key` are the enforcement point's own, for mutual TLS. */
export interface TlsFiles {
  /** PEM file of the authorities that may have signed the server's certificate; absent: the system's. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Name to expect in the server's certificate, where it is not the address's host. */
  readonly serverName?: string;
}

export interface TransportOptions {
  readonly address: string;
  /** The enforcement point's; blanks and line ends around it do not count. Sent, never printed. */
  readonly key?: string;
  readonly tls?: TlsFiles;
}

/** As the server takes it. */
const KEY = /^[!-~]{1,512}$/;
const key: Check = (value, field) =>
  typeof value === 'string' && KEY.test(bareKey(value))
    ? undefined
    : { field, problem: 'is not 1 to 512 visible ascii characters' };

export const TRANSPORT_OPTIONS: Shape<TransportOptions> = {
  address: text,
  key: optional(key),
  tls: optional(
    object<TlsFiles>({
      ca: optional(text),
      cert: optional(text),
      key: optional(text),
      serverName: optional(text),
    }),
  ),
};

/** Without the blanks and line ends around it: files end with one, and the server does not count them either. */
export function bareKey(key: string): string {
  return key.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
}
