import { randomBytes } from 'node:crypto';
import type { HDNodeWallet, Wallet } from 'ethers';
import { send } from '#contracts/chain.js';
import type { Claim } from '#contracts/escrow.js';
import { fromHex } from '#core/hex.js';
import { escrowDomain, hashVoucher, signingHash } from '#payments/typed-data.js';
import type { Chain } from './chain.js';
import { domainOf, newKey, newTerms, PayingChannel } from './paying.js';

/** A channel with money in it and a voucher for all of it: what its operator may claim, whenever he likes. */
export async function earnable(
  chain: Chain,
  payer: HDNodeWallet,
  { asset, tenure, amount }: { asset: bigint; tenure: number; amount: bigint },
): Promise<Claim> {
  const key = newKey();
  const domain = domainOf(chain);
  const channel = new PayingChannel(
    newTerms(fromHex(payer.address, 'payer', 20), key.address, asset, tenure),
    key,
    domain,
  );
  await chain.fund(payer, amount);
  const expiresAtSec = (await chain.nowSec()) + 86_400;
  await send(payer, chain.escrow.open([{ ...channel.terms, amount, expiresAtSec }]));
  const commitment = randomBytes(32);
  const hash = hashVoucher({ channelId: channel.id, cumulative: amount, commitment });
  const signature = key.sign(signingHash(escrowDomain(domain), hash));
  return { terms: channel.terms, amount, cumulative: amount, commitment, signature };
}

/** Income of an asset that nobody has released yet. */
export async function earn(
  chain: Chain,
  payer: HDNodeWallet,
  operator: HDNodeWallet | Wallet,
  what: { asset: bigint; tenure: number; amount: bigint },
): Promise<void> {
  await send(operator, chain.escrow.claim([await earnable(chain, payer, what)]));
}
