import { readFileSync } from 'node:fs';
import { Interface, type InterfaceAbi } from 'ethers';

export const contractNames = [
  'Anchor',
  'Assets',
  'Escrow',
  'Governance',
  'Jobs',
  'Licences',
  'Market',
  'Revenue',
  'Shares',
  'TestToken',
  'TimelockController',
  'VotesToken',
  'WeftGovernor',
] as const;
export type ContractName = (typeof contractNames)[number];

export interface Artifact {
  readonly abi: InterfaceAbi;
  readonly bytecode: string;
  /** As it stands on a chain, with zeros where the constructor puts the immutables. */
  readonly deployedBytecode: string;
  /** Where, in bytes, by the variable's name; each fills 32. */
  readonly immutables: Readonly<Record<string, readonly number[]>>;
}

const artifacts = new Map<ContractName, Artifact>();
const interfaces = new Map<ContractName, Interface>();

/** What `npm run build:contracts` made of a contract; it lies beside these bindings, in the sources as in the build. */
export function loadArtifact(name: ContractName): Artifact {
  const known = artifacts.get(name);
  if (known !== undefined) return known;
  const file = new URL(`../artifacts/${name}.json`, import.meta.url);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Error(`${file.pathname} is missing: run \`npm run build:contracts\``, { cause });
  }
  const artifact = JSON.parse(text) as Artifact;
  artifacts.set(name, artifact);
  return artifact;
}

export function interfaceOf(name: ContractName): Interface {
  let known = interfaces.get(name);
  if (!known) {
    known = new Interface(loadArtifact(name).abi);
    interfaces.set(name, known);
  }
  return known;
}

/** What a transaction that makes a contract carries. */
export const initCode = (name: ContractName, args: readonly unknown[]): string =>
  loadArtifact(name).bytecode + interfaceOf(name).encodeDeploy(args).slice(2);
