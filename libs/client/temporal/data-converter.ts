import {
  type DataConverter,
  DefaultFailureConverter,
  ExternalStorage,
  type LoadedDataConverter,
} from '@temporalio/common';
import { payloadConverter } from '#core/payload-converter.js';
import { PayloadCipher } from './payload-cipher.js';
import { PayloadStore } from './payload-store.js';
import type { Payloads } from './payloads.js';

/** Payloads above this go to the store; the server itself warns from 512 KiB and refuses 2 MiB. */
export const INLINE_PAYLOAD_BYTES = 256 * 1024;

const kept = ({ folder, key }: Payloads) => ({
  payloadCodecs: key === undefined ? [] : [new PayloadCipher(key)],
  externalStorage: new ExternalStorage({
    drivers: [new PayloadStore(folder)],
    payloadSizeThreshold: INLINE_PAYLOAD_BYTES,
  }),
});

/** For clients that start, query or read workflows. */
export const clientDataConverter = (payloads: Payloads): DataConverter =>
  // Temporal takes a converter that is loaded already where it would else `require` it from a path.
  ({
    payloadConverter,
    failureConverter: new DefaultFailureConverter({ encodeCommonAttributes: payloads.key !== undefined }),
    ...kept(payloads),
  }) satisfies LoadedDataConverter as DataConverter;

/** For workers: activities take plain JSON and bytes; what workflow code converts with is part of its bundle. */
export const workerDataConverter = (payloads: Payloads): DataConverter => kept(payloads);
