/** The whole server in a process of its own, so that its CPU is told apart from the load's. */
import { serve } from '../src/main.ts';

const [directory, configFile, store] = process.argv.slice(2);
if (directory === undefined || configFile === undefined)
  throw new Error('usage: server.ts DIRECTORY CONFIG [STORE]');

const serving = await serve({
  config: configFile,
  dev: true,
  devDirectory: directory,
  listen: '127.0.0.1:0',
  store,
  env: { ASSENT_LOG_LEVEL: 'error' },
});
process.on('message', (message) => {
  if (message === 'cpu') process.send?.({ cpu: process.cpuUsage() });
});
process.on('disconnect', () => {
  void serving.stop().then(() => process.exit(0));
});
process.send?.({ ready: serving.addresses[0] });
