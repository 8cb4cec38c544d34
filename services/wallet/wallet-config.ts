import { z } from 'zod';
import { chainSettings } from '#platform/chain-settings.js';
import { port } from '#platform/config.js';

/** Where chain and contracts stand is in the marketplace file of WEFT_HOME. */
export const walletConfig = z.object({
  DATABASE_URL: z.url().describe('postgres://user:password@host:port/database; one wallet per database'),
  WEFT_PORT: port().default(0).describe('0 lets the system choose; the wallet listens on loopback alone'),
  WEFT_METRICS_PORT: port().default(0).describe('0 lets the system choose'),
  ...chainSettings,
  WEFT_CHAIN_FROM_BLOCK: z.coerce
    .number()
    .int()
    .min(0)
    .optional()
    .describe('the block in which the escrow was deployed; default: as the file of addresses says'),
  WEFT_WALLET_PASSWORD_FILE: z
    .string()
    .optional()
    .describe('holds the password of the keys; default: one that is made at first start, in WEFT_HOME'),
});
export type WalletConfig = z.infer<typeof walletConfig>;
