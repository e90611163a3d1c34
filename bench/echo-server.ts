/** A bare grpc-js echo of the same bytes: what the transport costs before anybody decides anything. */
import { Server, ServerCredentials, type ServerDuplexStream, type UntypedHandleCall } from '@grpc/grpc-js';

const same = (bytes: Buffer): Buffer => bytes;
const method = (path: string, streaming: boolean) => ({
  path,
  requestStream: streaming,
  responseStream: streaming,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});

/** Each request starts with four bytes: how many bytes to answer. Buffers of every size asked for are kept. */
const answers = new Map<number, Buffer>();
function answerTo(request: Buffer): Buffer {
  const size = request.readUInt32BE(0);
  let answer = answers.get(size);
  if (answer === undefined) answers.set(size, (answer = Buffer.alloc(size, 7)));
  return answer;
}

const server = new Server();
server.addService(
  { unary: method('/bench.Echo/Unary', false), stream: method('/bench.Echo/Stream', true) },
  {
    unary: ((call: { request: Buffer }, done: (error: null, answer: Buffer) => void) =>
      done(null, answerTo(call.request))) as UntypedHandleCall,
    stream: ((call: ServerDuplexStream<Buffer, Buffer>) => {
      call.on('data', (request: Buffer) => call.write(answerTo(request)));
      call.on('end', () => call.end());
    }) as UntypedHandleCall,
  },
);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.send?.({ ready: `127.0.0.1:${port}` });
});
process.on('message', (message) => {
  if (message === 'cpu') process.send?.({ cpu: process.cpuUsage() });
});
process.on('disconnect', () => process.exit(0));
