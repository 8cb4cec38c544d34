import { z } from 'zod';

/** Settings of every process that takes money seen on the chain for granted or sends to the chain. */
export const chainSettings = {
  WEFT_CONFIRMATIONS: z.coerce
    .number()
    .int()
    .min(0)
    .max(1_000)
    .default(0)
    .describe('blocks on top of money before it counts; 0 is right for a local anvil alone, which makes no empty ones'),
  WEFT_MAX_FEE_GWEI: z.coerce
    .number()
    .min(1e-9)
    .max(1e6)
    .default(500)
    .describe('most that a transaction may offer for each unit of gas'),
};

export interface ChainSafety {
  /** Blocks. */
  readonly confirmations: number;
  /** Wei for each unit of gas. */
  readonly maxFeePerGas: bigint;
}

export const chainSafety = (config: {
  readonly WEFT_CONFIRMATIONS: number;
  readonly WEFT_MAX_FEE_GWEI: number;
}): ChainSafety => ({
  confirmations: config.WEFT_CONFIRMATIONS,
  maxFeePerGas: BigInt(Math.round(config.WEFT_MAX_FEE_GWEI * 1e9)),
});
