import { formatEther, type JsonRpcProvider, type Wallet } from 'ethers';
import { orChainError } from '#contracts/chain-provider.js';
import { type DeployOptions, outstanding } from '#contracts/deploy.js';
import { deploymentGas } from '#contracts/deployment-gas.js';
import { askFees, firstOffer } from '#contracts/fees.js';
import { WeftError } from '#core/errors.js';

/** What is going to be sent and what it costs, in wei. */
export interface Bill {
  readonly deployer: string;
  readonly balance: bigint;
  readonly transactions: number;
  readonly gas: bigint;
  /** At what the chain takes now. */
  readonly cost: bigint;
  /** If the chain becomes as dear as is offered at first. */
  readonly most: bigint;
}

/** Errors: CHAIN_UNAVAILABLE, FEE_ABOVE_LIMIT, CONFIG_INVALID when another deployment is under way. */
export async function billOf(
  deployer: Wallet,
  file: string,
  options: DeployOptions,
  maxFeePerGas: bigint,
): Promise<Bill> {
  const provider = deployer.provider as JsonRpcProvider;
  const contracts = await outstanding(deployer, file, options);
  const { url } = provider._getConnection();
  const asked = Promise.all([provider.getBalance(deployer.address), askFees(provider)]);
  const [balance, fees] = await orChainError(url, asked);
  const gas = deploymentGas(contracts);
  return {
    deployer: deployer.address,
    balance,
    transactions: contracts.length,
    gas,
    cost: gas * (fees.base + fees.tip),
    most: gas * firstOffer(fees, maxFeePerGas).maxFeePerGas,
  };
}

export const billText = (bill: Bill, { token, windowSec }: DeployOptions): string =>
  [
    `deployer   ${bill.deployer}, has ${coin(bill.balance)}`,
    `token      ${token ?? 'a new test token, worth nothing'}`,
    `window     ${windowSec} s`,
    `to send    ${bill.transactions} transactions, about ${bill.gas} gas: about ${coin(bill.cost)}, at most ${coin(bill.most)}`,
  ].join('\n');

/** Errors: FUNDS_TOO_LOW. */
export function checkFunds({ deployer, balance, cost }: Bill): void {
  if (balance >= cost) return;
  throw new WeftError(
    'FUNDS_TOO_LOW',
    `${deployer} has ${coin(balance)} and needs about ${coin(cost)}: send it some, then run npx weft deploy again`,
    { deployer, balance: String(balance), needed: String(cost) },
  );
}

/** Of the chain's own coin, whose name a node does not tell. */
const coin = (wei: bigint): string => `${formatEther(wei).replace(/^(\d+\.\d{6})\d*$/, '$1')} coin`;
