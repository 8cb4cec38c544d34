import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { ChannelCredentials, Client } from '@grpc/grpc-js';
import ipaddr from 'ipaddr.js';
import { WeftError } from '#core/errors.js';
import { connect } from '#payments/rpc/connect.js';

/** Where a service is reached: "grpc://host:port" (plaintext) or "grpcs://host:port" (TLS). */
export interface Endpoint {
  readonly isSecure: boolean;
  /** A name in lower case, or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
}

const MAX_LENGTH = 300;
const pattern = /^(grpcs?):\/\/(?:([a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?)|\[([0-9a-fA-F:.]+)\]):(\d{1,5})$/;

/** Throws LISTING_INVALID naming `field`. */
export function parseEndpoint(text: string, field = 'endpoint'): Endpoint {
  const match = text.length <= MAX_LENGTH ? pattern.exec(text) : null;
  const [, scheme, name, v6, digits] = match ?? [];
  const port = Number(digits);
  if (match === null || port < 1 || port > 65_535 || (v6 !== undefined && isIP(v6) !== 6))
    throw new WeftError(
      'LISTING_INVALID',
      `${field} must be grpc://host:port or grpcs://host:port, not ${JSON.stringify(text.slice(0, 100))}`,
      { field },
    );
  return { isSecure: scheme === 'grpcs', host: (name ?? v6 ?? '').toLowerCase(), port };
}

export interface EndpointPolicy {
  /** Whether loopback, private, shared and unique-local addresses may be connected to. Right where all runs on one machine. */
  readonly allowPrivate: boolean;
  /** For `grpcs://`; default: the system's certificates. */
  readonly tls?: ChannelCredentials;
  readonly maxMessageBytes?: number;
  /** All addresses of a host; default: the system's resolver. */
  readonly resolve?: (host: string) => Promise<string[]>;
}

/**
 * A channel to an endpoint that a stranger named. The name is resolved once, every address must be allowed, and the
 * channel goes to these addresses and no others, whatever the name resolves to later.
 * Throws ENDPOINT_REFUSED, or ENDPOINT_UNREACHABLE when the name has no address.
 */
export async function openEndpoint(text: string, policy: EndpointPolicy): Promise<Client> {
  const endpoint = parseEndpoint(text);
  const addresses = await resolve(endpoint.host, policy.resolve ?? systemResolve);
  for (const address of addresses) checkAddress(text, endpoint, address, policy.allowPrivate);
  const { tls, maxMessageBytes } = policy;
  return connect(text, {
    addresses,
    ...(tls === undefined ? {} : { tls }),
    ...(maxMessageBytes === undefined ? {} : { maxMessageBytes }),
  });
}

/** Ranges that lead to the same machine or its own network. Others that are not public lead nowhere good and stay refused. */
const privateRanges: ReadonlySet<string> = new Set(['loopback', 'private', 'uniqueLocal', 'carrierGradeNat']);

function checkAddress(text: string, endpoint: Endpoint, address: string, allowPrivate: boolean): void {
  const range = ipaddr.isValid(address) ? ipaddr.parse(address).range() : 'unknown';
  const refuse = (why: string): never => {
    throw new WeftError('ENDPOINT_REFUSED', `${text} leads to ${address}: ${why}`, { endpoint: text, address, range });
  };
  if (range === 'unicast') {
    if (!endpoint.isSecure) refuse('public addresses are only reached with TLS (grpcs://)');
  } else if (!privateRanges.has(range)) refuse(`addresses of the range "${range}" are never connected to`);
  else if (!allowPrivate) refuse('private addresses are not allowed here');
}

async function resolve(host: string, resolveName: (host: string) => Promise<string[]>): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  const addresses = await resolveName(host).catch(() => []);
  if (addresses.length > 0) return addresses;
  throw new WeftError('ENDPOINT_UNREACHABLE', `the name ${host} has no address`, { host });
}

const systemResolve = async (host: string): Promise<string[]> =>
  (await lookup(host, { all: true })).map(({ address }) => address);
