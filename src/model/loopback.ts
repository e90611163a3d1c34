import { isIPv4 } from 'node:net';

/**
 * Whether bytes for this host stay on the machine: `localhost`, `[::1]`, or a dotted IPv4 address in 127.0.0.0/8.
 * As written in an address, with the brackets of IPv6. Any other spelling may be asked of DNS, which may say anything.
 */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || (isIPv4(host) && host.startsWith('127.'));
}
