import { createHash, hash } from 'node:crypto';

/** sha-256 of one message's bytes, exactly as sent or received (PROTOCOL section 2). */
export const messageDigest = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer');

/** Running digest of a stream: `S(lp(m1) ‖ lp(m2) …)` with a 4-byte big-endian length before every message. */
export class StreamDigest {
  readonly #hash = createHash('sha256');

  add(message: Uint8Array): void {
    this.#hash.update(lengthPrefix(message.length)).update(message);
  }

  digest(): Buffer {
    return this.#hash.copy().digest();
  }
}

function lengthPrefix(length: number): Buffer {
  const prefix = Buffer.allocUnsafe(4);
  prefix.writeUInt32BE(length);
  return prefix;
}

/** `S(lp("weft/call/1") ‖ lp(runKey) ‖ lp(stepPath) ‖ lp(n) ‖ lp(asset))`: the id of a call, the same on every retry. */
export function callId(call: { runKey: string; stepPath: string; n: number; asset: bigint }): Buffer {
  const digest = createHash('sha256');
  for (const part of ['weft/call/1', call.runKey, call.stepPath, String(call.n), String(call.asset)]) {
    const bytes = Buffer.from(part, 'utf8');
    digest.update(lengthPrefix(bytes.length)).update(bytes);
  }
  return digest.digest();
}
