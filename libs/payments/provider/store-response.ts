import type { BodyStore } from './body-store.js';
import type { Charge } from './charge-commit.js';

/** Responses above this go into files, not into rows. */
export const INLINE_RESPONSE_BYTES = 256 * 1024;

/** A served unary call; `response` is kept for repeats of it. */
export interface UnaryCharge extends Omit<Charge, 'response' | 'body'> {
  readonly response: Uint8Array;
  /** sha-256 of `response`. */
  readonly responseDigest: Uint8Array;
}

/** The charge with its response where it belongs: in the row, or in a file that is durable when this resolves. */
export async function storeResponse(bodies: BodyStore, charged: UnaryCharge): Promise<Charge> {
  const { response, responseDigest, ...charge } = charged;
  if (response.length <= INLINE_RESPONSE_BYTES) return { ...charge, response, body: null };
  await bodies.put(responseDigest, response);
  return { ...charge, response: null, body: responseDigest };
}
