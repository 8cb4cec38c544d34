import { z } from 'zod';
import { list, port } from '#platform/config.js';
import { temporalSettings } from '#platform/temporal-settings.js';

/** Where the other parts are stands in the marketplace file of WEFT_HOME. */
export const gatewayConfig = z.object({
  WEFT_HOST: z.string().default('127.0.0.1').describe('address to listen on'),
  WEFT_PORT: port().default(0).describe('0 lets the system choose'),
  WEFT_PUBLIC_URLS: list()
    .pipe(z.array(z.url()))
    .default([])
    .describe('where browsers reach the gateway besides loopback, as https://host, separated by commas'),
  WEFT_TRUSTED_PROXIES: list()
    .pipe(z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])))
    .default([])
    .describe(
      'addresses or ranges of the proxies in front of it, whose X-Forwarded-For is believed, separated by commas',
    ),
  WEFT_ADDRESS_RATE: z.coerce.number().min(1).max(100_000).default(100).describe('requests a second of one address'),
  ...temporalSettings,
  WEFT_KEY_RATE: z.coerce.number().min(1).max(100_000).default(50).describe('requests a second of one key'),
});
export type GatewayConfig = z.infer<typeof gatewayConfig>;
