import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { failureOfCall, failureOfStatus } from '../../src/client/failure.ts';
import { ErrorInfoSchema } from '../../src/gen/google/rpc/error_details_pb.js';
import { StatusSchema } from '../../src/gen/google/rpc/status_pb.js';

const UNAVAILABLE = 14;

test.each([
  [status.INVALID_ARGUMENT, status.UNAVAILABLE, 'INVALID_ARGUMENT'],
  [status.UNAVAILABLE, status.OK, 'UNAVAILABLE'],
])('the code of the trailers counts, %d, where that in the details is %d', (code, inDetails, name) => {
  const info = create(ErrorInfoSchema, { reason: 'ANY', domain: 'assent' });
  const details = create(StatusSchema, {
    code: inDetails,
    message: 'no',
    details: [anyPack(ErrorInfoSchema, info)],
  });
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(toBinary(StatusSchema, details)));
  expect(failureOfCall({ code, details: 'no', metadata })).toMatchObject({ status: name, reason: 'ANY' });
});

test('a call that the far side cancelled is one whose answer was lost: only a close cancels here', () => {
  expect(failureOfCall({ code: status.CANCELLED, details: 'gone' })).toMatchObject({ status: 'UNAVAILABLE' });
  const inPlaceOfAnAnswer = create(StatusSchema, { code: status.CANCELLED, message: 'gone' });
  expect(failureOfStatus(inPlaceOfAnAnswer)).toMatchObject({ status: 'UNAVAILABLE', message: 'gone' });
});

describe('a connection that never was', () => {
  const NOT_REACHED = 'no connection: the server could not be reached';
  const HUNG_UP = 'no connection: the server hung up at once; it may expect TLS, or a client certificate';
  test.each([
    ['undefined', NOT_REACHED],
    ['null', NOT_REACHED],
    ['', NOT_REACHED],
    ['Failed to connect (2026-11-23T18:47:55.962Z)', HUNG_UP],
    [
      'Protocol error (2026-11-23T18:47:55.962Z)',
      'no connection: what answers at the address does not speak gRPC',
    ],
    ['connect ENOENT /run/a (b).sock', 'no connection: connect ENOENT /run/a (b).sock'],
    [
      'write EPROTO 40A7:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../ssl3.c:354:\n',
      'no connection: the server does not speak TLS',
    ],
    [
      'write EPROTO 40A7:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:../a.c:1:',
      'no connection: tls, tlsv13 alert certificate required',
    ],
  ])('for which the library says `%s` is told in words to act on', (said, message) => {
    for (const before of ['', 'Error: ', 'Error [ERR_ANY]: '])
      for (const after of ['. Resolution note: none', ''])
        expect(
          failureOfCall({
            code: UNAVAILABLE,
            details: `No connection established. Last error: ${before}${said}${after}`,
          }),
        ).toMatchObject({ status: 'UNAVAILABLE', message });
  });
});
