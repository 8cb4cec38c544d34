import type { HDNodeWallet } from 'ethers';
import { ancestors, ancestorsOf } from './lineage.js';
import { type ModelName, modelNames } from './models.js';
import type { ProviderKeys } from './provider/provider-keys.js';

/** Which of the provider's owner keys has an asset: each service and each ancestor has one of its own. */
export const ownerOf = (name: string): number => [...modelNames, ...ancestors.map((each) => each.name)].indexOf(name);

/** Every key that sends transactions for these services, and so needs the chain's own coin. */
export const sendersFor = (keys: ProviderKeys, names: readonly ModelName[]): HDNodeWallet[] => [
  keys.operator,
  ...[...names, ...ancestorsOf(names).map(({ name }) => name)].map((name) => keys.owner(ownerOf(name))),
];
