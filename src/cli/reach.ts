import { connect, type NetConnectOpts } from 'node:net';

/** Whoever takes longer to accept a connection is there, and busy. */
const PROBE_MS = 1000;

/**
 * Whether anybody listens at `host:port` or `unix:path`. False only where the system says that nobody does; an
 * address of another form is for the gRPC library to understand.
 */
export function listens(address: string): Promise<boolean> {
  const target = targetOf(address);
  if (target === undefined) return Promise.resolve(true);
  return new Promise((resolve) => {
    const socket = connect(target);
    const done = (listening: boolean): void => {
      socket.destroy();
      resolve(listening);
    };
    socket.setTimeout(PROBE_MS, () => done(true));
    socket.once('connect', () => done(true));
    socket.once('error', ({ code }: NodeJS.ErrnoException) =>
      done(code !== 'ECONNREFUSED' && code !== 'ENOENT'),
    );
  });
}

function targetOf(address: string): NetConnectOpts | undefined {
  const [, path] = /^unix:(?:\/\/)?(.+)$/.exec(address) ?? [];
  if (path !== undefined) return { path };
  const [, v6, name, port] = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})$/.exec(address) ?? [];
  const host = v6 ?? name;
  return host === undefined || Number(port) > 65_535 ? undefined : { host, port: Number(port) };
}
