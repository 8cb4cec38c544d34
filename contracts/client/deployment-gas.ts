import { dataLength, getBytes } from 'ethers';
import { type ContractName, initCode, loadArtifact } from './artifact.js';
import type { PlannedContract } from './deployment-plan.js';

/** What constructors deploy besides. */
const inner: Partial<Record<ContractName, readonly ContractName[]>> = {
  Escrow: ['Revenue'],
  Governance: ['TimelockController', 'WeftGovernor'],
};

/**
 * What making these takes, about, without asking a node, which cannot tell for a contract whose constructor asks one
 * that is not there yet: the bytes that are sent and stored, and a twentieth for what constructors do. A rollup adds its own.
 */
export const deploymentGas = (contracts: readonly Pick<PlannedContract, 'contract' | 'args'>[]): bigint =>
  BigInt(Math.ceil(contracts.reduce((sum, each) => sum + gasOf(each), 0) * 1.05));

function gasOf({ contract, args }: Pick<PlannedContract, 'contract' | 'args'>): number {
  const bytes = getBytes(initCode(contract, args));
  const zeros = bytes.reduce((count, byte) => count + (byte === 0 ? 1 : 0), 0);
  const made = [contract, ...(inner[contract] ?? [])];
  const stored = made.reduce((sum, name) => sum + dataLength(loadArtifact(name).deployedBytecode), 0);
  const sent = 4 * zeros + 16 * (bytes.length - zeros) + 2 * Math.ceil(bytes.length / 32);
  return 21_000 + sent + 32_000 * made.length + 200 * stored;
}
