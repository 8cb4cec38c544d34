import { randomBytes } from 'node:crypto';
import type { Client } from '@grpc/grpc-js';
import { Wallet as EthersWallet } from 'ethers';
import { ReceiptChecker } from '#client/call/check-receipt.js';
import { PaidCaller } from '#client/call/paid-caller.js';
import { LocalWallet } from '#payments/payer/local-wallet.js';
import { RemoteWallet } from '#payments/payer/remote-wallet.js';
import type { PinRequest, Wallet } from '#payments/payer/wallet.js';
import { ChannelPool } from '#payments/rpc/channel-pool.js';
import { connect } from '#payments/rpc/connect.js';
import { callRaw } from '#payments/rpc/raw-call.js';
import { onEnd } from '../support/on-end.js';
import { SAY, text } from '../support/paid-service.js';
import { domainOf } from './domain-of.js';
import type { EchoProvider } from './echo-provider.js';
import type { Side } from './measure.js';

/** Dear enough for a long bench: what a quote sets aside. */
const PRICE = 100n;
const CALLS = 10_000_000;

/** A wallet embedded in this process, over the provider's durable database server. */
export async function embeddedWallet(provider: EchoProvider): Promise<Wallet> {
  const { rpcUrl, deployment, payerDatabase, payerKey } = provider;
  const { escrow, assets, token, chainId } = deployment as Record<'escrow' | 'assets' | 'token' | 'chainId', string>;
  const wallet = await LocalWallet.open({
    databaseUrl: payerDatabase,
    key: new EthersWallet(payerKey),
    channelSeed: randomBytes(32),
    chain: { rpcUrl, chainId: BigInt(chainId), escrow, assets, token, confirmations: 0, fromBlock: 0 },
  });
  onEnd(() => wallet.close());
  return wallet;
}

/** The wallet as a process of its own, asked over loopback gRPC: what worker, gateway and CLI pay with. */
export function walletProcess({ walletProcess: { address, token } }: EchoProvider): Wallet {
  const wallet = new RemoteWallet({ address, token });
  onEnd(() => wallet.close());
  return wallet;
}

export const pinOf = (provider: EchoProvider): PinRequest => ({
  step: 'say',
  listing: Buffer.from(provider.listing, 'hex'),
  method: SAY,
  calls: CALLS,
  maxPerCall: PRICE,
  asset: BigInt(provider.asset),
  tenure: 1,
  operator: Buffer.from(provider.operator, 'hex'),
  endpoints: [`grpc://${provider.paid}`],
  minChannel: 0n,
});

/** The request of every call here: about 200 bytes. */
export const request = text('weft '.repeat(40));

export function unpaidSide({ unpaid }: EchoProvider): Side {
  const client: Client = connect(unpaid);
  onEnd(() => client.close());
  return {
    name: 'unpaid',
    async call() {
      const reply = await callRaw(client, `/${SAY}`, request, { deadlineMs: 30_000 });
      if (reply.error) throw reply.error;
      return undefined;
    },
  };
}

/** Paid calls with `wallet`, on one channel. */
export async function paidSide(name: string, provider: EchoProvider, wallet: Wallet): Promise<Side> {
  const domain = domainOf(provider);
  const channels = new ChannelPool(async (endpoint) => connect(endpoint));
  const caller = new PaidCaller({ wallet, channels, receipts: new ReceiptChecker(domain, async () => false), domain });
  onEnd(() => caller.close());
  const pin = pinOf(provider);
  const quoteId = randomBytes(32);
  await wallet.openQuote({ quoteId, pins: [pin], maxTotal: PRICE * BigInt(CALLS), expiresAtSec: 0 });
  return {
    name,
    async call() {
      await caller.call({ quoteId, pin, callId: randomBytes(32), request, deadlineMs: 30_000 });
      return undefined;
    },
  };
}
