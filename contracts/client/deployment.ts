import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WeftError } from '#core/errors.js';
import type { Hex } from '#core/hex.js';
import { writeDurably } from './write-durably.js';

/** Where Weft's contracts stand on a chain. Addresses in lower case. */
export interface Deployment {
  readonly chainId: bigint;
  readonly token: Hex;
  readonly assets: Hex;
  readonly escrow: Hex;
  readonly revenue: Hex;
  readonly licences: Hex;
  readonly jobs: Hex;
  readonly market: Hex;
  readonly anchor: Hex;
  /** The token whose holders decide about the protocol's fee, their governor, and the timelock that does what they decide. */
  readonly votes: Hex;
  readonly governor: Hex;
  readonly timelock: Hex;
  /** Block from which on there are events. */
  readonly blockNumber: number;
}

/** Where every part of a marketplace finds them. */
export const deploymentFile = (home: string): string => join(home, 'contracts.json');

/** What a deployment names. */
export const contractNames = [
  'token',
  'assets',
  'escrow',
  'revenue',
  'licences',
  'jobs',
  'market',
  'anchor',
  'votes',
  'governor',
  'timelock',
] as const satisfies (keyof Deployment)[];
export type DeploymentName = (typeof contractNames)[number];

/** Whether they are about the same money. */
export const isSameDeployment = (one: Deployment, other: Deployment): boolean =>
  one.chainId === other.chainId && one.escrow === other.escrow;

/** Undefined if there is no such file. */
export async function readDeployment(file: string): Promise<Deployment | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const json = JSON.parse(text);
    const address = (name: string): Hex => {
      if (!/^0x[0-9a-f]{40}$/.test(json[name])) throw new Error(`${name} is not an address`);
      return json[name];
    };
    return {
      chainId: BigInt(json.chainId),
      ...(Object.fromEntries(contractNames.map((name) => [name, address(name)])) as Record<DeploymentName, Hex>),
      blockNumber: Number(json.blockNumber),
    };
  } catch (cause) {
    throw new WeftError('CONFIG_INVALID', `${file} does not describe a deployment`, { file }, { cause });
  }
}

export async function writeDeployment(file: string, deployment: Deployment): Promise<void> {
  const json = { ...deployment, chainId: String(deployment.chainId) };
  await writeDurably(file, `${JSON.stringify(json, undefined, 2)}\n`);
}
