import type { JsonRpcProvider } from 'ethers';
import { Assets, parseAssetsLogs } from '#contracts/assets.js';
import type { Deployment } from '#contracts/deployment.js';
import { Escrow, parseEscrowLogs } from '#contracts/escrow.js';
import { type IndexedLogs, LogIndex } from '#contracts/log-index.js';
import { parseRevenueLogs, Revenue } from '#contracts/revenue.js';
import { Token } from '#contracts/token.js';
import { WeftError } from '#core/errors.js';
import type { Earnings } from '#payments/provider/earnings.js';
import { type AccountBook, accountBook, type TenureAccount } from './account-book.js';

/** Two sources that say different things about the same money. */
export interface Difference {
  /** "asset 3, tenure 1", "balance of 0x…" */
  readonly where: string;
  readonly what: string;
  readonly expected: bigint;
  readonly found: bigint;
}

export interface AuditedAsset {
  readonly asset: bigint;
  readonly owner: Uint8Array;
  /** From calls, licences and jobs, before the protocol's fee. */
  readonly earned: bigint;
  readonly fee: bigint;
  /** Credited to owners. */
  readonly released: bigint;
  readonly royaltiesIn: bigint;
  readonly royaltiesOut: bigint;
  /** Earned, or credited by children, and not released yet. */
  readonly waiting: bigint;
}

export interface Audit {
  readonly balanced: boolean;
  readonly differences: readonly Difference[];
  readonly assets: readonly AuditedAsset[];
}

export interface AuditOptions {
  readonly provider: JsonRpcProvider;
  readonly contracts: Pick<Deployment, 'chainId' | 'token' | 'assets' | 'escrow' | 'revenue' | 'blockNumber'>;
  /** Ledgers to be compared with the chain, of the providers that are at hand. */
  readonly ledger?: readonly Pick<Earnings, 'asset' | 'tenure' | 'claimed'>[];
  /** Where events are kept, so that the next audit reads only what is new. */
  readonly indexFile?: string;
  /** Blocks on top of an event before it is kept. Default 0. */
  readonly depth?: number;
}

/** A chain that reorganises during so many audits is left alone. */
const ATTEMPTS = 5;

/**
 * Rebuilds from the chain's events alone what every asset earned and where it went, and compares that, to the last
 * unit, with the state of the contracts and with the ledgers at hand. Errors: CHAIN_UNAVAILABLE.
 */
export async function audit(options: AuditOptions): Promise<Audit> {
  const { provider, contracts, indexFile, depth } = options;
  const index = new LogIndex({
    provider,
    chainId: contracts.chainId,
    addresses: [contracts.assets, contracts.escrow, contracts.revenue],
    fromBlock: contracts.blockNumber,
    ...(indexFile !== undefined && { file: indexFile }),
    ...(depth !== undefined && { depth }),
  });
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const indexed = await index.read();
    const found = await compared(options, indexed).catch((error: unknown) => ({ error }));
    // What was read of a block that is gone is no difference, and no failure.
    if (!(await index.isInChain(indexed.block))) continue;
    if ('error' in found) throw found.error;
    return found;
  }
  throw new WeftError('CHAIN_UNAVAILABLE', 'the chain reorganises again and again; try later');
}

async function compared(options: AuditOptions, indexed: IndexedLogs): Promise<Audit> {
  const { provider, contracts, ledger = [], depth = 0 } = options;
  const assets = new Assets(contracts.assets, provider);
  const escrow = new Escrow(contracts.escrow, provider);
  const revenue = new Revenue(contracts.revenue, provider);
  const { number: at } = indexed.block;
  const bookOf = (logs: IndexedLogs['logs']): AccountBook =>
    accountBook({
      assets: parseAssetsLogs(logs, contracts.assets),
      escrow: parseEscrowLogs(logs, contracts.escrow),
      revenue: parseRevenueLogs(logs, contracts.revenue),
    });
  const book = bookOf(indexed.logs);
  // A ledger takes over what is that deep, and no more.
  const deep = depth === 0 ? book : bookOf(indexed.logs.filter(({ blockNumber }) => blockNumber <= at - depth));

  const differences: Difference[] = [];
  const compare = (where: string, what: string, expected: bigint, found: bigint) => {
    if (expected !== found) differences.push({ where, what, expected, found });
  };
  for (const account of book.tenures) {
    const where = `asset ${account.asset}, tenure ${account.tenure}`;
    checkFlow(account, (what, expected, found) => compare(where, what, expected, found));
    const onChain = await escrow.income(account.asset, account.tenure, at);
    compare(where, 'income in the escrow', account.claimed, onChain.earned);
    compare(where, 'collected from the escrow', account.collected, onChain.collected);
    const waiting = await revenue.waitingRoyalties(account.asset, account.tenure, at);
    compare(where, 'royalties that wait', account.royaltiesIn - account.royaltiesReleased, waiting);
  }
  for (const [owner, balance] of book.balances)
    compare(`balance of ${owner}`, 'in Revenue', balance, await revenue.balanceOf(owner, at));
  const held = await new Token(contracts.token, provider).balanceOf(contracts.escrow, at);
  const owed = owedBy(book);
  // Gifts belong to nobody and make it more.
  if (held < owed) compare('Escrow', 'tokens that it holds', owed, held);
  for (const { asset, tenure, claimed } of ledger)
    compare(
      `asset ${asset}, tenure ${tenure}`,
      "claimed, in the provider's ledger",
      claimedOn(deep, asset, tenure),
      claimed,
    );

  const rows = await Promise.all(
    book.assets.map(async (asset) => ({ ...sums(book, asset), owner: await assets.ownerOf(asset, at) })),
  );
  return { balanced: differences.length === 0, differences, assets: rows };
}

/** Nothing is lost or made between what comes in and what goes out. */
function checkFlow(account: TenureAccount, compare: (what: string, expected: bigint, found: bigint) => void): void {
  const { collected, paid, fee, releasedEarnings, royaltiesReleased, royaltiesOut, released } = account;
  compare('released earnings and fee', collected + paid, releasedEarnings + fee);
  compare("the owner's and the parents' parts", releasedEarnings + royaltiesReleased, released + royaltiesOut);
}

function sums({ tenures }: AccountBook, asset: bigint): Omit<AuditedAsset, 'owner'> {
  const own = tenures.filter((account) => account.asset === asset);
  const sum = (of: (account: TenureAccount) => bigint) => own.reduce((total, account) => total + of(account), 0n);
  return {
    asset,
    earned: sum(({ claimed, paid }) => claimed + paid),
    fee: sum(({ fee }) => fee),
    released: sum(({ released }) => released),
    royaltiesIn: sum(({ royaltiesIn }) => royaltiesIn),
    royaltiesOut: sum(({ royaltiesOut }) => royaltiesOut),
    waiting: sum(
      ({ claimed, collected, royaltiesIn, royaltiesReleased }) => claimed - collected + royaltiesIn - royaltiesReleased,
    ),
  };
}

/** All of it lies in the escrow: payers' money, income, royalties that wait, and what owners may withdraw. */
function owedBy({ tenures, balances, payers }: AccountBook): bigint {
  let owed = payers;
  for (const balance of balances.values()) owed += balance;
  for (const { claimed, collected } of tenures) owed += claimed - collected;
  for (const { royaltiesIn, royaltiesReleased } of tenures) owed += royaltiesIn - royaltiesReleased;
  return owed;
}

const claimedOn = ({ tenures }: AccountBook, asset: bigint, tenure: number): bigint =>
  tenures.find((account) => account.asset === asset && account.tenure === tenure)?.claimed ?? 0n;
