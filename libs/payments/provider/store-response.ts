import type { BodyStore } from './body-store.js';
import type { Charge } from './charge-commit.js';

/** What is larger goes into files, not into rows. */
export const INLINE_BYTES = 256 * 1024;

interface Served {
  readonly response: Uint8Array;
  /** sha-256 of `response`. */
  readonly responseDigest: Uint8Array;
}

interface Stored {
  readonly response: Uint8Array | null;
  readonly body: Uint8Array | null;
}

/** A served unary call; `response` is kept for repeats of it. */
export interface UnaryCharge extends Omit<Charge, keyof Stored>, Served {}

/** The charge with its response where it belongs: in the row, or in a file that is durable when this resolves. */
export async function storeResponse<C extends Served>(
  bodies: BodyStore,
  charged: C,
): Promise<Omit<C, keyof Served> & Stored> {
  const { response, responseDigest, ...charge } = charged;
  if (response.length <= INLINE_BYTES) return { ...charge, response, body: null };
  await bodies.put(responseDigest, response);
  return { ...charge, response: null, body: responseDigest };
}
