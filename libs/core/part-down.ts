import { WeftError } from './errors.js';
import type { Reason } from './reasons.js';

const names = {
  CHAIN_UNAVAILABLE: 'the chain',
  REGISTRY_UNAVAILABLE: 'the registry',
  WALLET_UNAVAILABLE: 'the wallet',
  GATEWAY_UNAVAILABLE: 'the gateway',
  TEMPORAL_UNAVAILABLE: 'Temporal',
} as const satisfies Partial<Record<Reason, string>>;

/** A part of the marketplace that does not answer: which, where ("host:port" or a URL), and how to start it. */
export function partDown(reason: keyof typeof names, where: string, cause: unknown): WeftError {
  const address = withoutSecrets(where);
  const message = `${names[reason]} at ${address} does not answer; start it with: npm start (or npx weft up)`;
  return new WeftError(reason, message, { address }, { cause });
}

/** RPC URLs carry API keys in their path, query or user part; only the host is shown. */
export function withoutSecrets(where: string): string {
  if (!where.includes('://')) return where;
  if (!URL.canParse(where)) return 'the configured URL';
  const { protocol, host } = new URL(where);
  return `${protocol}//${host}`;
}

/** Without what ends a sentence. */
const url = /https?:\/\/[^\s"'<>\\]*[^\s"'<>\\.,:;!?)\]}]/g;

/** The same for every http(s) URL in a text: errors of the chain's client tell which one they asked. */
export const urlsWithoutSecrets = (text: string): string => text.replace(url, withoutSecrets);
