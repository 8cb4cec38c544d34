import { z } from 'zod';
import { loadConfig } from '#platform/config.js';

const schema = z.object({
  DATABASE_URL: z.url().optional().describe('a PostgreSQL of your own instead of the embedded one'),
  WEFT_RPC_URL: z.url().optional().describe('a chain of your own instead of anvil'),
  TEMPORAL_ADDRESS: z.string().optional().describe('a Temporal server of your own, host:port'),
});

/** Parts that are there already and are used instead of started. */
export const upEnvironment = () => loadConfig(schema);
