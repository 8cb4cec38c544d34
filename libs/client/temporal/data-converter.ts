import { type DataConverter, defaultFailureConverter, ExternalStorage } from '@temporalio/common';
import { payloadConverter } from '#core/payload-converter.js';
import { PayloadStore } from './payload-store.js';

/** Payloads above this go to the store; the server itself warns from 512 KiB and refuses 2 MiB. */
export const INLINE_PAYLOAD_BYTES = 256 * 1024;

const externalStorage = (folder: string) =>
  new ExternalStorage({ drivers: [new PayloadStore(folder)], payloadSizeThreshold: INLINE_PAYLOAD_BYTES });

/** For clients that start, query or read workflows. `folder` is the marketplace's payload folder. */
export const clientDataConverter = (folder: string): DataConverter =>
  // Temporal takes a converter that is loaded already where it would else `require` it from a path.
  ({
    payloadConverter,
    failureConverter: defaultFailureConverter,
    payloadCodecs: [],
    externalStorage: externalStorage(folder),
  }) as DataConverter;

/** For workers: activities take plain JSON and bytes; what workflow code converts with is part of its bundle. */
export const workerDataConverter = (folder: string): DataConverter => ({ externalStorage: externalStorage(folder) });
