import type { Client } from '@grpc/grpc-js';
import { type Contract, readContract } from '#client/contract/read-contract.js';
import { fetchDescriptorSet } from '#client/contract/reflection.js';
import { type EndpointPolicy, openEndpoint } from '#client/listing/endpoint.js';
import { WeftError } from '#core/errors.js';
import { plainLine } from '#core/plain-text.js';
import { callRaw } from '#payments/rpc/raw-call.js';
import {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus as Serving,
} from '#protos/grpc/health/v1/health.js';

export interface ProbeOptions extends EndpointPolicy {
  /** For each of the questions that are asked. */
  readonly deadlineMs: number;
}

/** What reflection answers is at most a contract; what health answers is a few bytes. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

/**
 * Goes to an endpoint and asks for health and contract. Throws ENDPOINT_REFUSED, ENDPOINT_UNREACHABLE (also when it
 * does not serve at present), CONTRACT_MISMATCH, CONTRACT_INVALID or CONTRACT_TOO_LARGE, naming the endpoint.
 */
export async function probeEndpoint(endpoint: string, contract: Contract, options: ProbeOptions): Promise<void> {
  await visit(endpoint, options, async (client) => {
    await checkHealth(client, contract.service, options.deadlineMs);
    const set = await fetchDescriptorSet(client, contract.service, { deadlineMs: options.deadlineMs });
    const served = readContract(set, contract.service);
    if (!served.digest.equals(contract.digest))
      throw new WeftError(
        'CONTRACT_MISMATCH',
        `it serves contract ${served.digest.toString('hex')} of ${contract.service}, not the published ${contract.digest.toString('hex')}`,
      );
  });
}

/** Whether an endpoint says that it serves; never throws. */
export async function isServing(endpoint: string, service: string, options: ProbeOptions): Promise<boolean> {
  try {
    await visit(endpoint, options, (client) => checkHealth(client, service, options.deadlineMs));
    return true;
  } catch {
    return false;
  }
}

async function visit(endpoint: string, options: ProbeOptions, ask: (client: Client) => Promise<void>): Promise<void> {
  let client: Client | undefined;
  try {
    client = await openEndpoint(endpoint, { ...options, maxMessageBytes: MAX_MESSAGE_BYTES });
    await ask(client);
  } catch (error) {
    const { reason, message, details } = WeftError.from(error);
    throw new WeftError(reason, `${endpoint}: ${message}`, { ...details, endpoint }, { cause: error });
  } finally {
    client?.close();
  }
}

/** Servers that know only their overall health are asked for that. */
async function checkHealth(client: Client, service: string, deadlineMs: number): Promise<void> {
  for (const name of [service, '']) {
    const request = HealthCheckRequest.encode({ service: name }).finish();
    const { bytes, error } = await callRaw(client, '/grpc.health.v1.Health/Check', request, { deadlineMs });
    if (error === undefined) {
      const { status } = HealthCheckResponse.decode(bytes as Buffer);
      if (status === Serving.SERVING) return;
      throw new WeftError('ENDPOINT_UNREACHABLE', `its health is ${Serving[status] ?? status}, not SERVING`);
    }
    if (error.reason !== 'NOT_FOUND')
      throw new WeftError('ENDPOINT_UNREACHABLE', `it does not answer health: ${plainLine(error.message)}`);
  }
  throw new WeftError('ENDPOINT_UNREACHABLE', `its health knows neither ${service} nor the server as a whole`);
}
