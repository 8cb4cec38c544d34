import { connect } from '#client/connect.js';
import type { Marketplace } from '#client/marketplace.js';
import type { Weft } from '#client/weft.js';
import { Assets } from '#contracts/assets.js';
import { connectChain } from '#contracts/chain-provider.js';
import { Escrow } from '#contracts/escrow.js';
import type { Release } from '#payments/provider/release-up.js';
import type { RunSummary, RunView, StepView } from '#services/gateway/runs/run-views.js';
import type { GatewayClient } from '../gateway/gateway-client.js';
import { watchRun } from '../gateway/watch-run.js';
import { type Settlement, settlements } from './settlement.js';

/** A run of a pipeline with what it did to everybody's money. Amounts in minor units. */
export interface DemoResult {
  readonly view: RunView;
  readonly settlement: readonly Settlement[];
  /** Who was credited what of it, and of the royalties. */
  readonly releases: readonly Release[];
  readonly payerBefore: bigint;
  readonly payerAfter: bigint;
}

export interface DemoOptions {
  readonly home: string;
  readonly marketplace: Marketplace;
  readonly gateway: GatewayClient;
  readonly pipeline: string;
  /** Bytes as base64. */
  readonly input: unknown;
  /** Minor units, in decimal. */
  readonly maxTotal: string;
  readonly onStep: (step: StepView) => void;
  /** How long what was earned is waited for on the chain. */
  readonly settledWithinMs: number;
  /** Releases what was earned, up the lineage. */
  readonly release: () => Promise<readonly Release[]>;
}

/** Runs a pipeline through the gateway and waits until the chain shows what everybody earned. */
export async function demo(options: DemoOptions): Promise<DemoResult> {
  const { marketplace, gateway, pipeline, input, maxTotal } = options;
  const provider = await connectChain(marketplace.rpcUrl);
  const weft = await connect({ home: options.home });
  try {
    const escrow = new Escrow(marketplace.contracts.escrow, provider);
    const assets = new Assets(marketplace.contracts.assets, provider);
    const fromBlock = (await provider.getBlockNumber()) + 1;
    const payerBefore = await owned(weft);
    const begun = await gateway.post<RunSummary>('/v1/runs', { pipeline, input, maxTotal });
    const view = await watchRun(gateway, begun.runId, options.onStep);
    const expected = await earnedByAsset(weft, view);
    const settlement = await settlements({
      provider,
      escrow,
      assets,
      fromBlock,
      expected,
      timeoutMs: options.settledWithinMs,
    });
    const releases = await options.release();
    return { view, settlement, releases, payerBefore, payerAfter: await owned(weft) };
  } finally {
    await weft.close();
    provider.destroy();
  }
}

/** All that the payer has in the escrow, free and in channels. */
async function owned({ parts }: Weft): Promise<bigint> {
  const { free, inChannels } = await parts.wallet.account();
  return free + inChannels;
}

async function earnedByAsset({ parts }: Weft, { steps }: RunView): Promise<Map<bigint, bigint>> {
  const earned = new Map<bigint, bigint>();
  for (const { listing, amount } of steps) {
    if (amount === '0') continue;
    const record = await parts.market.directory.find({ digest: Buffer.from(listing.slice(2), 'hex') });
    if (record) earned.set(record.listing.asset, (earned.get(record.listing.asset) ?? 0n) + BigInt(amount));
  }
  return earned;
}
