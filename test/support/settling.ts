import type { Wallet } from 'ethers';
import { Anchor } from '#contracts/anchor.js';
import { TransactionSender } from '#payments/chain/transaction-sender.js';
import { Settler, type SettlerOptions } from '#payments/provider/settler.js';
import type { ChainLink, PaidService } from './paid-service.js';

/** The operator's sender and a settler that claims with it. */
export async function startSettler(
  chain: ChainLink,
  service: Pick<PaidService, 'pool' | 'ledger' | 'view'> & { readonly listing: { asset: bigint; tenure: number } },
  operator: Wallet,
  { confirmations = 0, ...options }: Partial<SettlerOptions> & { readonly confirmations?: number } = {},
) {
  const sender = await TransactionSender.start({
    pool: service.pool,
    schema: 'provider',
    key: operator,
    provider: chain.provider,
    rpcUrl: chain.rpcUrl,
    chainId: chain.deployment.chainId,
    confirmations,
  });
  const errors: unknown[] = [];
  const { asset, tenure } = service.listing;
  const settler = new Settler({
    ledger: service.ledger,
    chain: service.view,
    claimants: [{ asset, tenure, sender }],
    anchoring: { anchor: new Anchor(chain.deployment.anchor, chain.provider) },
    onError: (error) => errors.push(error),
    ...options,
  });
  await settler.start();
  return {
    settler,
    sender,
    errors,
    async stop(): Promise<void> {
      sender.stop();
      await settler.stop();
    },
  };
}
