import { readFileSync } from 'node:fs';
import { type ChannelCredentials, credentials, Client as GrpcClient } from '@grpc/grpc-js';
import { isLoopback } from '../model/loopback.ts';
import type { TransportOptions } from './options.ts';

/**
 * A network may swallow packets without closing anything: a firewall that forgot the connection, a machine that is
 * gone. Every 10 s, which is as often as gRPC lets clients, the far side is pinged, whether it is asked something or
 * not, so that no ask need be lost to find out.
 *
 * On a connection that the far side is taking away (GOAWAY) this costs what is still in flight at the next ping: Node
 * answers a ping of a session that is closing with a failure, without sending it, and grpc-js takes that for a dead
 * connection. No option tells the two apart, and the session is out of reach here; without pings, silence would go
 * unnoticed. What may be repeated is asked again under its own id, so only verbs that would count twice are lost.
 */
const PING_EVERY_MS = 10_000;
/** Who is silent for longer than any ask may wait is of no use: a new connection is made. */
const PING_WAIT_MS = 5000;
/** From TCP to the first HTTP/2 frame, TLS included: as long as gRPC gives an attempt to connect. */
export const HANDSHAKE_MS = 20_000;
/** Bytes of the head of an HTTP/2 frame (RFC 9113 §4.1): who sent fewer has said nothing yet. */
const FRAME_HEAD = 9;

/** When a connection that has said nothing is given up: after so long, and when the client needs none any more. */
interface Patience {
  readonly handshakeMs: number;
  readonly ending: AbortSignal;
}

/**
 * Goes to the address itself, whatever proxy the environment names. For options that were looked at.
 * @throws TypeError when the key would travel in the clear
 */
export function createChannel(options: TransportOptions, patience: Patience): GrpcClient {
  const { address, tls } = options;
  return new GrpcClient(address, giveUpHandshakes(channelCredentials(options), patience), {
    // A proxy named in the environment would read keys and tokens that must not leave this machine, and answer for
    // the PDP: bytes go to the address and nowhere else, with TLS too.
    'grpc.enable_http_proxy': 0,
    // Retries are ours: they keep the request id and the remaining time.
    'grpc.enable_retries': 0,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2000,
    'grpc.keepalive_time_ms': PING_EVERY_MS,
    'grpc.keepalive_timeout_ms': PING_WAIT_MS,
    'grpc.keepalive_permit_without_calls': 1,
    // Each client has its own connection: what one of them finds dead, another must not be waiting on.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_receive_message_length': 16 * 1024 * 1024,
    ...(tls?.serverName === undefined
      ? {}
      : { 'grpc.ssl_target_name_override': tls.serverName, 'grpc.default_authority': tls.serverName }),
  });
}

/**
 * The same credentials; a connection made with them ends when the far side says nothing in time. The library itself
 * waits for ever for one that takes the connection and is silent, and pings only once it has spoken; where it is closed
 * meanwhile, it leaves the connection open.
 */
function giveUpHandshakes(made: ChannelCredentials, { handshakeMs, ending }: Patience): ChannelCredentials {
  const createConnector = made._createSecureConnector.bind(made);
  made._createSecureConnector = (...target) => {
    const connector = createConnector(...target);
    const connect = connector.connect.bind(connector);
    connector.connect = async (socket) => {
      // Of this connection, not of the channel: a channel is not ready either while an old connection still answers.
      let heard = (): boolean => false;
      const giveUp = (): void => {
        if (!heard()) socket.destroy(silence());
      };
      // Heard twice, or by nobody: TLS does not listen to the socket below it, and does not tell that it closed.
      const over = new Promise<never>((_, reject) => socket.once('error', reject));
      const timer = setTimeout(giveUp, handshakeMs);
      timer.unref();
      ending.addEventListener('abort', giveUp);
      socket.once('close', () => {
        clearTimeout(timer);
        ending.removeEventListener('abort', giveUp);
      });
      if (ending.aborted) giveUp();
      const secured = await Promise.race([connect(socket), over]);
      // Above TLS, where there is TLS.
      heard = () => secured.socket.bytesRead >= FRAME_HEAD;
      return secured;
    };
    return connector;
  };
  return made;
}

/** By its code, the library takes what was on the connection for lost, which may be asked again. */
function silence(): Error {
  return Object.assign(new Error('the far side says nothing'), { code: 'ECONNRESET' });
}

function channelCredentials({ address, key, tls }: TransportOptions): ChannelCredentials {
  if (key === undefined && tls?.cert === undefined)
    throw new TypeError('an enforcement point shows either its `key` or a TLS client certificate');
  if (tls === undefined) {
    if (!isLocal(address))
      throw new TypeError(
        'without `tls` the key would travel in the clear: only loopback and unix sockets may',
      );
    return credentials.createInsecure();
  }
  if ((tls.cert === undefined) !== (tls.key === undefined))
    throw new TypeError('`tls.cert` and `tls.key` come together');
  const read = (path: string | undefined): Buffer | null => (path === undefined ? null : readFileSync(path));
  return credentials.createSsl(read(tls.ca), read(tls.key), read(tls.cert));
}

function isLocal(address: string): boolean {
  const [, host] = /^(\[[^\]]*\]|[^:]*)(?::\d+)?$/.exec(address) ?? [];
  return address.startsWith('unix:') || (host !== undefined && isLoopback(host));
}
