/** What of something is a tenure's, as `Portion.sol` packs it: size (128 bits, lowest), tenure (32), asset (64). */
export function portionOf(word: bigint): { asset: bigint; tenure: number; size: bigint } {
  return { asset: word >> 160n, tenure: Number((word >> 128n) & 0xffff_ffffn), size: word & ((1n << 128n) - 1n) };
}
