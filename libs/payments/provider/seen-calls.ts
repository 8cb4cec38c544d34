const BITS = 1 << 19;
const MASK = BITS - 1;
const PROBES = 5;

/**
 * Remembers which call ids were seen, in 64 KiB: `has` may be wrong when it says yes (1 in 100 after 50,000 ids, ever
 * more often beyond), never when it says no. A no spares a new call the question to the database. One filter
 * per payer, so that ids chosen to fill it slow down nobody but their sender.
 */
export class SeenCalls {
  readonly #bits = new Uint8Array(BITS / 8);

  add(callId: Uint8Array): void {
    for (let probe = 0; probe < PROBES; probe++) {
      const bit = position(callId, probe);
      this.#bits[bit >> 3] = this.#bits[bit >> 3]! | (1 << (bit & 7));
    }
  }

  has(callId: Uint8Array): boolean {
    for (let probe = 0; probe < PROBES; probe++) {
      const bit = position(callId, probe);
      if ((this.#bits[bit >> 3]! & (1 << (bit & 7))) === 0) return false;
    }
    return true;
  }
}

/** Ids are hashes already: each probe takes three bytes of its own. */
const position = (id: Uint8Array, probe: number): number =>
  ((id[probe * 3]! << 16) | (id[probe * 3 + 1]! << 8) | id[probe * 3 + 2]!) & MASK;
