import { expect, test } from 'vitest';
import { namesOf } from '../../src/wire/grpc/access.ts';

test.each([
  'DNS:"a, DNS:gw.a.example, DNS:b"',
  'DNS:gw.a.example, DNS:"b, URI:spiffe://acme/pep, DNS:c"',
  'DNS:gw.a.example, otherName:"1.2.3;UTF8:x, DNS:gw.b.example, y"',
  'URI:"http://a.example/, DNS:gw.a.example, "',
])('names between the quotes of another, and all beside it, prove nothing: %s', (subjectAltName) => {
  expect(namesOf(subjectAltName)).toEqual([]);
});
