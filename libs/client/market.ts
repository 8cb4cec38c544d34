import { Assets } from '#contracts/assets.js';
import { chainProvider, orChainError } from '#contracts/chain-provider.js';
import { Licences } from '#contracts/licences.js';
import { fromHex } from '#core/hex.js';
import { ChannelPool } from '#payments/rpc/channel-pool.js';
import { typedClient } from '#payments/rpc/typed-client.js';
import type { Domain } from '#payments/typed-data.js';
import { HealthDefinition } from '#protos/grpc/health/v1/health.js';
import { ReceiptChecker } from './call/check-receipt.js';
import { Directory } from './listing/directory.js';
import { openEndpoint } from './listing/endpoint.js';
import { ListingVerifier } from './listing/verify-listing.js';
import type { Marketplace } from './marketplace.js';
import type { Market } from './select.js';

/** Everything of a marketplace that a caller needs but a wallet. Connects as it is used. */
export interface OpenMarket extends Market {
  readonly channels: ChannelPool;
  readonly receipts: ReceiptChecker;
  /** Of vouchers and receipts. */
  readonly domain: Domain;
  close(): void;
}

const MEASURE_MS = 2_000;

export function openMarket(marketplace: Marketplace): OpenMarket {
  const { contracts, rpcUrl, witnessRpcUrl, allowPrivateEndpoints } = marketplace;
  const chainId = BigInt(marketplace.chainId);
  const escrow = fromHex(contracts.escrow, 'contracts.escrow', 20);
  const domain = { chainId, verifyingContract: escrow };
  const provider = chainProvider({ rpcUrl, chainId });
  const assets = new Assets(contracts.assets, provider);
  const licences = new Licences(contracts.licences, provider);
  const second = witnessRpcUrl === undefined ? undefined : chainProvider({ rpcUrl: witnessRpcUrl, chainId });
  const directory = new Directory(marketplace.registry);
  const channels = new ChannelPool((endpoint) => openEndpoint(endpoint, { allowPrivate: allowPrivateEndpoints }));
  return {
    directory,
    channels,
    domain,
    verifier: new ListingVerifier({
      assets,
      ...(second === undefined ? {} : { witness: new Assets(contracts.assets, second) }),
      domain: { chainId, verifyingContract: fromHex(contracts.assets, 'contracts.assets', 20) },
      escrow,
      newer: (digest) => directory.find({ digest }),
    }),
    receipts: new ReceiptChecker(domain, async ({ asset, tenure, signer, servedAtSec }) => {
      const span = await assets.span(asset, signer);
      if (span === undefined || span.tenure !== tenure || servedAtSec < span.fromSec) return false;
      return span.untilSec === undefined || servedAtSec <= span.untilSec;
    }),
    licence: (id) => orChainError(rpcUrl, licences.state(id)),
    async measure(endpoint) {
      const health = typedClient(HealthDefinition, await channels.client(endpoint), { deadlineMs: MEASURE_MS });
      const startedAtMs = performance.now();
      await health.check({ service: '' });
      return performance.now() - startedAtMs;
    },
    close() {
      channels.close();
      directory.close();
      provider.destroy();
      second?.destroy();
    },
  };
}
