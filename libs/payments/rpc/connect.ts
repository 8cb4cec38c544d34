import { isIP } from 'node:net';
import { type ChannelCredentials, Client, credentials } from '@grpc/grpc-js';
import { WeftError } from '#core/errors.js';

export interface ConnectOptions {
  /** For `grpcs://`; default: the system's certificates. */
  readonly tls?: ChannelCredentials;
  readonly maxMessageBytes?: number;
  /** Between two tries to connect to a server that is down. Default: grpc-js's own 2 minutes. */
  readonly longestBackoffMs?: number;
  /** IP addresses to connect to in place of what the host's name resolves to; the name stays authority and TLS name. */
  readonly addresses?: readonly string[];
}

/** One channel to "host:port", "grpc://host:port" (plaintext) or "grpcs://host:port". Connects on first use; `close()` it. */
export function connect(endpoint: string, options: ConnectOptions = {}): Client {
  const match = /^(?:(grpcs?):\/\/)?(([^/\s]+):(\d{1,5}))$/.exec(endpoint);
  if (match === null)
    throw new WeftError(
      'INVALID_INPUT',
      `"${endpoint}" is not an endpoint: give grpc://host:port or grpcs://host:port`,
      {
        field: 'endpoint',
      },
    );
  const [, scheme, address = '', host = '', port = ''] = match;
  const channel = scheme === 'grpcs' ? (options.tls ?? credentials.createSsl()) : credentials.createInsecure();
  const { addresses } = options;
  return new Client(addresses === undefined ? address : ipTarget(addresses, port), channel, {
    ...(addresses === undefined ? {} : { 'grpc.default_authority': address }),
    // TLS knows servers by name; an address needs no help to be checked as what it is.
    ...(addresses === undefined || isIP(host) || host.startsWith('[') ? {} : { 'grpc.ssl_target_name_override': host }),
    ...(options.longestBackoffMs === undefined
      ? {}
      : {
          'grpc.initial_reconnect_backoff_ms': Math.min(100, options.longestBackoffMs),
          'grpc.max_reconnect_backoff_ms': options.longestBackoffMs,
        }),
    'grpc.max_receive_message_length': options.maxMessageBytes ?? 16 * 1024 * 1024,
    // Without it clients of one address in one process share a connection, and with it a server's stream limit and fate.
    'grpc.use_local_subchannel_pool': 1,
  });
}

/** grpc-js's name for a list of addresses; it takes one family at a time, and not every machine has the newer one. */
function ipTarget(addresses: readonly string[], port: string): string {
  const v4 = addresses.filter((each) => !each.includes(':'));
  return v4.length > 0
    ? `ipv4:${v4.map((each) => `${each}:${port}`)}`
    : `ipv6:${addresses.map((each) => `[${each}]:${port}`)}`;
}
