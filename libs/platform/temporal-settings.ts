import { z } from 'zod';
import { flag } from './config.js';

/** Settings of every process that connects to Temporal. */
export const temporalSettings = {
  TEMPORAL_TLS: flag().default(false).describe('true for a Temporal server behind TLS'),
  TEMPORAL_API_KEY: z.string().optional().describe("Temporal Cloud's API key"),
};

/** How to connect; an API key is sent through TLS alone. */
export const temporalSecurity = (config: {
  readonly TEMPORAL_TLS: boolean;
  readonly TEMPORAL_API_KEY?: string | undefined;
}): { tls?: true; apiKey?: string } => {
  const { TEMPORAL_TLS: tls, TEMPORAL_API_KEY: apiKey } = config;
  return { ...(tls || apiKey ? { tls: true } : {}), ...(apiKey === undefined ? {} : { apiKey }) };
};
