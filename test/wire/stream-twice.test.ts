import { fromBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { expect, test } from 'vitest';
import {
  type AuthorizeStreamResponse,
  AuthorizeStreamResponseSchema,
} from '../../src/gen/assent/v1/authorization_pb.js';
import { asIs, askBytes, bearer, detailsOf, requestId, STREAM, serve, until } from './harness.ts';

test('a message with two asks is decided for neither, and the next is', async () => {
  const house = await serve();
  const call = house.client().makeBidiStreamRequest(STREAM, asIs, asIs, bearer());
  const answers: AuthorizeStreamResponse[] = [];
  // As the test fails, its server goes away under the stream.
  call.on('error', () => undefined);
  call.on('data', (bytes: Buffer) => answers.push(fromBinary(AuthorizeStreamResponseSchema, bytes)));
  const ids = [requestId(), requestId(), requestId()];
  const send = (...asks: readonly string[]): void => {
    const message = new BinaryWriter();
    for (const id of asks)
      message.tag(1, WireType.LengthDelimited).bytes(askBytes({ requestId: id, session: undefined }));
    call.write(Buffer.from(message.finish()));
  };
  send(ids[0] ?? '', ids[1] ?? '');
  await until('the first message is answered', () => answers.length === 1);
  send(ids[2] ?? '');
  await until('the second message is answered', () => answers.length === 2);
  call.end();
  const [twice, once] = answers;
  if (twice?.answer.case !== 'status') throw new Error('a message with two asks was decided');
  expect(detailsOf(twice.answer.value)).toMatchObject({
    code: 'INVALID_ARGUMENT',
    fields: [{ field: 'ask', description: 'is given more than once' }],
  });
  expect([once?.requestId, once?.answer.case]).toEqual([ids[2], 'decision']);
  expect(house.asks.map((ask) => ask.requestId)).toEqual([ids[2]]);
});
