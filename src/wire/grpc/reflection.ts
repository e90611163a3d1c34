import { type DescFile, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { bufferOf } from './methods.ts';

/**
 * Server reflection, v1 and v1alpha, so that grpcurl and ghz need no files: the services' descriptors with all
 * that they import.
 */
export function addReflection(server: Server, files: readonly DescFile[]): void {
  const found = new Map<string, DescFile>();
  const collect = (file: DescFile): void => {
    if (found.has(file.name)) return;
    found.set(file.name, file);
    file.dependencies.forEach(collect);
  };
  files.forEach(collect);
  const fileDescriptorProtos = [...found.values()].map(({ proto }) =>
    bufferOf(toBinary(FileDescriptorProtoSchema, proto)),
  );
  // The package wants them on message types as proto-loader makes them, and reads nothing else of those.
  const carrier = { format: 'Protocol Buffer 3 DescriptorProto' as const, type: {}, fileDescriptorProtos };
  new ReflectionService({ assent: carrier }).addToServer(server);
}
