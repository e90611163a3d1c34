import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // The tests' own gRPC clients would send loopback calls through a proxy that the environment names.
    env: { grpc_proxy: '', https_proxy: '', http_proxy: '' },
    // Real servers, real child processes: two cores are kept busy by two files.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
