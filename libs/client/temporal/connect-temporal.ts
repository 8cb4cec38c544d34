import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
import { WeftError } from '#core/errors.js';
import { clientDataConverter } from './data-converter.js';

export interface TemporalOptions {
  /** "127.0.0.1:7233" */
  readonly address: string;
  readonly namespace: string;
  /** Where payloads are kept that are too large for a history. */
  readonly payloadFolder: string;
  readonly connection?: Pick<ConnectionOptions, 'tls' | 'apiKey' | 'metadata'>;
}

/** A client for starting, watching and querying runs. Close its `connection`. Throws TEMPORAL_UNAVAILABLE. */
export async function connectTemporal(options: TemporalOptions): Promise<Client> {
  const { address, namespace, payloadFolder, connection: extra } = options;
  const connection = await Connection.connect({ address, connectTimeout: '5s', ...extra }).catch((error: unknown) => {
    throw temporalUnavailable(address, error);
  });
  return new Client({ connection, namespace, dataConverter: clientDataConverter(payloadFolder) });
}

export const temporalUnavailable = (address: string, cause: unknown): WeftError =>
  new WeftError(
    'TEMPORAL_UNAVAILABLE',
    `Temporal does not answer at ${address}: "npm start" starts one, TEMPORAL_ADDRESS names another`,
    { address },
    { cause },
  );
