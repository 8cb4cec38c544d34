import { z } from 'zod';
import { chainSettings } from '#platform/chain-settings.js';
import { flag, loadConfig } from '#platform/config.js';

const schema = z
  .object({
    DATABASE_URL: z.url().optional().describe('a PostgreSQL of your own instead of the embedded one'),
    WEFT_RPC_URL: z.url().optional().describe('a chain of your own instead of anvil'),
    WEFT_WITNESS_RPC_URL: z.url().optional().describe('a second node that must show the same before anything counts'),
    WEFT_CONTRACTS_FILE: z
      .string()
      .optional()
      .describe('where the contracts stand on that chain, as "weft deploy" wrote it'),
    TEMPORAL_ADDRESS: z.string().optional().describe('a Temporal server of your own, host:port'),
    WEFT_ENCRYPT_RUNS: flag()
      .default(false)
      .describe('encrypt what runs carry; once a home has done so it goes on doing it'),
    ...chainSettings,
  })
  .refine((config) => config.WEFT_RPC_URL !== undefined || config.WEFT_CONFIRMATIONS === 0, {
    path: ['WEFT_CONFIRMATIONS'],
    message:
      'the anvil started here makes no further blocks, so nothing would ever count: leave it out, or set WEFT_RPC_URL',
  });

/** Parts that are there already and are used instead of started. */
export const upEnvironment = () => loadConfig(schema);
