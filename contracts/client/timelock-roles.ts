import { id as keccakOf, type Provider, ZeroHash } from 'ethers';
import type { Hex } from '#core/hex.js';
import { interfaceOf } from './artifact.js';
import { lower } from './chain.js';
import { readLogs } from './read-logs.js';

/** Who holds these could have the timelock do, or leave, what nobody voted for. That anyone executes what is due is meant so. */
const roles = { admin: ZeroHash, proposer: keccakOf('PROPOSER_ROLE'), canceller: keccakOf('CANCELLER_ROLE') } as const;
export type TimelockRole = keyof typeof roles;

export interface RoleHolders {
  /** Whether the events begin with the timelock's own birth, so that none before them is missed. */
  readonly isWhole: boolean;
  readonly of: Readonly<Record<TimelockRole, readonly Hex[]>>;
}

/** Who holds the roles of a timelock (OpenZeppelin's), by its events since a block: its state cannot be asked for lists. */
export async function roleHolders(timelock: Hex, provider: Provider, fromBlock: number): Promise<RoleHolders> {
  const abi = interfaceOf('TimelockController');
  const topics = [['RoleGranted', 'RoleRevoked'].map((name) => abi.getEvent(name)!.topicHash)];
  const held = new Map<string, Set<Hex>>();
  let isWhole = false;
  for (const log of await readLogs(provider, { address: timelock, topics }, fromBlock)) {
    const { name, args } = abi.parseLog(log)!;
    const [role, account] = [String(args.role), lower(args.account)];
    const accounts = held.get(role) ?? new Set();
    held.set(role, accounts);
    if (name === 'RoleGranted') accounts.add(account);
    else accounts.delete(account);
    // Its constructor does this first.
    isWhole ||= role === roles.admin && account === timelock && name === 'RoleGranted';
  }
  const of = (role: TimelockRole): Hex[] => [...(held.get(roles[role]) ?? [])];
  return { isWhole, of: { admin: of('admin'), proposer: of('proposer'), canceller: of('canceller') } };
}
