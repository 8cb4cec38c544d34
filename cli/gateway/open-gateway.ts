import { readMarketplace } from '#client/marketplace.js';
import { WeftError } from '#core/errors.js';
import { hasCode } from '#platform/has-code.js';
import { readSecret } from '#platform/secrets.js';
import { firstKeyFile, gatewayFolder } from '#services/gateway/keys/key-store.js';
import type { Context } from '../command.js';
import { GatewayClient } from './gateway-client.js';

/** The running marketplace's gateway, with the first key that it made. */
export async function openGateway({ home }: Context): Promise<GatewayClient> {
  const { gateway } = await readMarketplace(home);
  return new GatewayClient(gateway.replace(/\/$/, ''), readKey(firstKeyFile(gatewayFolder(home))));
}

function readKey(file: string): string {
  try {
    return readSecret(file);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    throw new WeftError('GATEWAY_UNAVAILABLE', `there is no gateway key at ${file}`, { file }, { cause: error });
  }
}
