import { type ChannelCredentials, Client, credentials } from '@grpc/grpc-js';
import { WeftError } from '#core/errors.js';

export interface ConnectOptions {
  /** For `grpcs://`; default: the system's certificates. */
  readonly tls?: ChannelCredentials;
  readonly maxMessageBytes?: number;
}

/** One channel to "host:port", "grpc://host:port" (plaintext) or "grpcs://host:port". Connects on first use; `close()` it. */
export function connect(endpoint: string, options: ConnectOptions = {}): Client {
  const match = /^(?:(grpcs?):\/\/)?([^/\s]+:\d{1,5})$/.exec(endpoint);
  if (match === null)
    throw new WeftError(
      'INVALID_INPUT',
      `"${endpoint}" is not an endpoint: give grpc://host:port or grpcs://host:port`,
      {
        field: 'endpoint',
      },
    );
  const [, scheme, address = ''] = match;
  const channel = scheme === 'grpcs' ? (options.tls ?? credentials.createSsl()) : credentials.createInsecure();
  return new Client(address, channel, {
    'grpc.max_receive_message_length': options.maxMessageBytes ?? 16 * 1024 * 1024,
    // Without it clients of one address in one process share a connection, and with it a server's stream limit and fate.
    'grpc.use_local_subchannel_pool': 1,
  });
}
