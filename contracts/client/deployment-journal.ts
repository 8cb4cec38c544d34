import { readFile, rm } from 'node:fs/promises';
import { WeftError } from '#core/errors.js';
import type { DeploymentPlan } from './deployment-plan.js';
import { plannedWaves } from './deployment-plan.js';
import { createDurably, writeDurably } from './write-durably.js';

/** Beside the file of addresses while a deployment is under way. Holds no secret. */
export const journalFile = (file: string): string => `${file}.journal`;

/** Durable before the first transaction of the plan is signed. False if a deployment is under way already. */
export const createJournal = (file: string, plan: DeploymentPlan): Promise<boolean> =>
  createDurably(journalFile(file), textOf(plan));

export const writeJournal = (file: string, plan: DeploymentPlan): Promise<void> =>
  writeDurably(journalFile(file), textOf(plan));

/** Undefined if nothing is under way. */
export async function readJournal(file: string): Promise<DeploymentPlan | undefined> {
  const journal = journalFile(file);
  const text = await readFile(journal, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return planOf(JSON.parse(text));
  } catch (cause) {
    const what = `${journal} is not the journal of a deployment`;
    throw new WeftError('CONFIG_INVALID', what, { file: journal }, { cause });
  }
}

export const removeJournal = (file: string): Promise<void> => rm(journalFile(file), { force: true });

function textOf(plan: DeploymentPlan): string {
  const contracts = plannedWaves(plan)
    .flat()
    .map(({ contract, args, nonce, address }) => ({ contract, args: args.map(String), nonce, address }));
  return `${JSON.stringify({ ...plan, chainId: String(plan.chainId), contracts }, undefined, 2)}\n`;
}

function planOf(json: Record<keyof DeploymentPlan, unknown>): DeploymentPlan {
  const hex = (name: 'deployer' | 'genesis' | 'token', digits: number): `0x${string}` => {
    const text = String(json[name]);
    if (!/^0x[0-9a-f]+$/.test(text) || text.length !== 2 + digits) throw new Error(`${name} is wrong`);
    return text as `0x${string}`;
  };
  const whole = (value: unknown): number => {
    if (!Number.isSafeInteger(value) || (value as number) < 0) throw new Error(`${value} is no whole number`);
    return value as number;
  };
  const nonces = Object.entries(json.nonces as object).map(([made, nonce]) => [made, whole(nonce)]);
  const plan: DeploymentPlan = {
    chainId: BigInt(String(json.chainId)),
    genesis: hex('genesis', 64),
    deployer: hex('deployer', 40),
    windowSec: whole(json.windowSec),
    ...(json.token !== undefined && { token: hex('token', 40) }),
    blockNumber: whole(json.blockNumber),
    nonces: Object.fromEntries(nonces),
  };
  for (const { nonce } of plannedWaves(plan).flat()) whole(nonce);
  return plan;
}
