import { WeftError } from '#core/errors.js';
import type { ReceiptPlace } from './wallet.js';

/** As providers and the wallet process tell it. */
interface PlaceMessage {
  readonly epoch: bigint;
  readonly siblings: readonly Uint8Array[];
  readonly bySec: bigint;
  readonly unpaid: boolean;
}

/** No tree that anybody can anchor is deeper: the contract counts receipts in 64 bits. */
const MAX_SIBLINGS = 64;

/** Errors: SERVICE_FAILED if it cannot be one. */
export function readPlace({ epoch, siblings, bySec, unpaid }: PlaceMessage): ReceiptPlace {
  if (siblings.length > MAX_SIBLINGS || siblings.some(({ length }) => length !== 32) || bySec >= 2n ** 40n)
    throw new WeftError('SERVICE_FAILED', 'the provider’s proof is none: siblings have 32 bytes and are at most 64', {
      field: 'siblings',
    });
  return epoch > 0n
    ? { state: 'anchored', epoch, siblings }
    : { state: 'waiting', bySec: bySec === 0n ? undefined : Number(bySec), unpaid };
}

export const writePlace = (place: ReceiptPlace): PlaceMessage & { siblings: Uint8Array[] } =>
  place.state === 'anchored'
    ? { epoch: place.epoch, siblings: [...place.siblings], bySec: 0n, unpaid: false }
    : { epoch: 0n, siblings: [], bySec: BigInt(place.bySec ?? 0), unpaid: place.unpaid };
