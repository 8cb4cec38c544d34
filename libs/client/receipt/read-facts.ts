import type { JsonRpcProvider } from 'ethers';
import { Anchor } from '#contracts/anchor.js';
import { Assets } from '#contracts/assets.js';
import type { Deployment } from '#contracts/deployment.js';
import type { LineageEdge, ReceiptFacts } from './receipt-file.js';

export interface ReceiptChain {
  readonly provider: JsonRpcProvider;
  readonly contracts: Pick<Deployment, 'assets' | 'anchor'>;
}

/** What the chain says, now, of a receipt's signer, epoch and asset. Errors: CHAIN_UNAVAILABLE. */
export async function readFacts(
  { provider, contracts }: ReceiptChain,
  of: {
    readonly asset: bigint;
    readonly tenure: number;
    readonly signer: Uint8Array;
    readonly epoch: bigint | undefined;
  },
): Promise<ReceiptFacts> {
  const assets = new Assets(contracts.assets, provider);
  const anchor = new Anchor(contracts.anchor, provider);
  const at = await provider.getBlockNumber();
  const [operator, epoch, lineage] = await Promise.all([
    assets.span(of.asset, of.signer, at),
    of.epoch === undefined ? undefined : anchor.epoch(of.asset, of.tenure, of.epoch, at),
    readLineage(assets, of.asset),
  ]);
  return { blockNumber: at, operator, epoch, lineage };
}

/** All that an asset was built from, and that those were. Parents have lower ids, so this ends. */
async function readLineage(assets: Assets, asset: bigint): Promise<LineageEdge[]> {
  const edges: LineageEdge[] = [];
  const seen = new Set([asset]);
  // A set that grows is walked to its end.
  for (const child of seen)
    for (const { asset: parent, bps } of await assets.parents(child)) {
      edges.push({ asset: child, parent, bps });
      seen.add(parent);
    }
  return edges;
}
