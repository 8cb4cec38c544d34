import type { JsonRpcProvider } from 'ethers';
import { WeftError } from '#core/errors.js';
import { maxAmount, minAmount } from '#core/money.js';

/** Wei for each unit of gas. */
export interface Fees {
  /** What the next block takes from every transaction. */
  readonly base: bigint;
  /** What block producers ask for on top of it now. */
  readonly tip: bigint;
}

/** What a transaction offers, in wei for each unit of gas. */
export interface OfferedFees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

const GWEI = 10n ** 9n;
export const DEFAULT_MAX_FEE = 500n * GWEI;

export async function askFees(provider: JsonRpcProvider): Promise<Fees> {
  const [history, tip] = await Promise.all([
    provider.send('eth_feeHistory', ['0x1', 'latest', []]) as Promise<{ baseFeePerGas?: string[] } | null>,
    // Not every node answers this.
    (provider.send('eth_maxPriorityFeePerGas', []) as Promise<string>).catch(() => GWEI),
  ]);
  // The last one is of the block to come. A node that has no newest block may have one again in a moment.
  const base = history?.baseFeePerGas?.at(-1);
  if (base === undefined) throw new WeftError('CHAIN_UNAVAILABLE', 'the chain tells no fees');
  return { base: BigInt(base), tip: BigInt(tip) };
}

/** Good for six full blocks in a row. Throws FEE_ABOVE_LIMIT when even the next block asks for more than `limit`. */
export function firstOffer({ base, tip }: Fees, limit: bigint): OfferedFees {
  if (base + tip > limit)
    throw new WeftError(
      'FEE_ABOVE_LIMIT',
      `the chain asks for ${base + tip} wei per gas, more than the ${limit} allowed; wait or allow more`,
      { asked: String(base + tip), limit: String(limit) },
    );
  return { maxFeePerGas: minAmount(limit, 2n * base + tip), maxPriorityFeePerGas: tip };
}

/** What has to be offered instead of `old` to get into the next blocks; undefined if it is enough, or `limit` forbids it. */
export function raisedOffer(old: OfferedFees, { base, tip }: Fees, limit: bigint): OfferedFees | undefined {
  if (minAmount(old.maxPriorityFeePerGas, old.maxFeePerGas - base) >= tip) return undefined;
  // Nodes take a replacement from a tenth more.
  const least = { fee: eighthMore(old.maxFeePerGas), tip: eighthMore(old.maxPriorityFeePerGas) };
  if (least.fee > limit) return undefined;
  const maxFeePerGas = minAmount(limit, maxAmount(2n * base + tip, least.fee));
  return { maxFeePerGas, maxPriorityFeePerGas: minAmount(maxFeePerGas, maxAmount(tip, least.tip)) };
}

const eighthMore = (amount: bigint): bigint => (amount * 9n + 7n) / 8n;
