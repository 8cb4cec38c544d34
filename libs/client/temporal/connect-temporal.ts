import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
import { partDown } from '#core/part-down.js';
import { clientDataConverter } from './data-converter.js';
import type { Payloads } from './payloads.js';
import { requireListener } from './require-listener.js';

export interface TemporalOptions {
  /** "127.0.0.1:7233" */
  readonly address: string;
  readonly namespace: string;
  readonly payloads: Payloads;
  readonly connection?: Pick<ConnectionOptions, 'tls' | 'apiKey' | 'metadata' | 'interceptors'>;
}

/** A client for starting, watching and querying runs. Close its `connection`. Throws TEMPORAL_UNAVAILABLE. */
export async function connectTemporal(options: TemporalOptions): Promise<Client> {
  const { address, namespace, payloads, connection: extra } = options;
  await requireListener(address);
  const connection = await Connection.connect({ address, connectTimeout: '5s', ...extra }).catch((error: unknown) => {
    throw partDown('TEMPORAL_UNAVAILABLE', address, error);
  });
  return new Client({ connection, namespace, dataConverter: clientDataConverter(payloads) });
}
