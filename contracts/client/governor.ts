import { type BlockTag, id as keccakOf, type Provider } from 'ethers';
import { WeftError } from '#core/errors.js';
import { fromHex } from '#core/hex.js';
import { interfaceOf } from './artifact.js';
import { type Bytes, hexOf, read, type UnsignedTransaction } from './chain.js';
import { readLogs } from './read-logs.js';

/** In the order of OpenZeppelin's enumeration. */
export const proposalStates = [
  'pending',
  'active',
  'canceled',
  'defeated',
  'succeeded',
  'queued',
  'expired',
  'executed',
] as const;
export type ProposalState = (typeof proposalStates)[number];

/** The numbers are OpenZeppelin's. */
export const supports = { against: 0, for: 1, abstain: 2 } as const;
export type Support = keyof typeof supports;

/** What the timelock is to send, and why. The governor keeps only their hash, `id`. */
export interface Proposal {
  readonly id: bigint;
  readonly proposer: Uint8Array;
  readonly actions: readonly UnsignedTransaction[];
  readonly description: string;
  /** Whose votes count is settled then, and the vote begins. */
  readonly votingStartsAtSec: number;
  readonly votingEndsAtSec: number;
}

export interface Standing {
  readonly state: ProposalState;
  readonly votes: { readonly for: bigint; readonly against: bigint; readonly abstain: bigint };
  /** When it may be executed; undefined until it is queued. */
  readonly dueAtSec: number | undefined;
}

type Actions = Pick<Proposal, 'actions' | 'description'>;

/** A governor at an address (OpenZeppelin's IGovernor, times in seconds): what it decides, its timelock sends. */
export class Governor {
  constructor(
    readonly address: string,
    private readonly provider: Provider,
  ) {}

  propose({ actions, description }: Actions): UnsignedTransaction {
    return this.#build('propose', [...columnsOf(actions), description]);
  }

  vote(proposal: bigint, support: Support): UnsignedTransaction {
    return this.#build('castVote', [proposal, supports[support]]);
  }

  /** Once it has succeeded. Anyone. */
  queue(proposal: Actions): UnsignedTransaction {
    return this.#build('queue', idOf(proposal));
  }

  /** Once it is due. Anyone. */
  execute(proposal: Actions): UnsignedTransaction {
    return this.#build('execute', idOf(proposal));
  }

  /** Its proposer only, and only before the vote begins. */
  cancel(proposal: Actions): UnsignedTransaction {
    return this.#build('cancel', idOf(proposal));
  }

  async proposalId(proposal: Actions): Promise<bigint> {
    return (await this.#read('hashProposal', idOf(proposal)))[0];
  }

  async standing(proposal: bigint): Promise<Standing> {
    const [[state], [against, inFavour, abstain], [dueAtSec]] = await Promise.all([
      this.#read('state', [proposal]),
      this.#read('proposalVotes', [proposal]),
      this.#read('proposalEta', [proposal]),
    ]);
    return {
      state: proposalStates[Number(state)]!,
      votes: { for: inFavour, against, abstain },
      dueAtSec: dueAtSec === 0n ? undefined : Number(dueAtSec),
    };
  }

  /** What was proposed since a block, oldest first. */
  async proposals(fromBlock: number): Promise<Proposal[]> {
    const abi = interfaceOf('WeftGovernor');
    const topics = [abi.getEvent('ProposalCreated')!.topicHash];
    const logs = await readLogs(this.provider, { address: this.address, topics }, fromBlock);
    return logs.map((log) => {
      const { args } = abi.parseLog(log)!;
      const calls: string[] = [...args.calldatas];
      return {
        id: args.proposalId,
        proposer: fromHex(args.proposer, 'proposer', 20),
        actions: calls.map((data, i) => ({ to: args.targets[i], data })),
        description: args.description,
        votingStartsAtSec: Number(args.voteStart),
        votingEndsAtSec: Number(args.voteEnd),
      };
    });
  }

  /** Votes that a proposer needs. */
  async threshold(): Promise<bigint> {
    return (await this.#read('proposalThreshold', []))[0];
  }

  /** Votes that must take part, for and abstaining, of those that there were then. */
  async quorum(atSec: number): Promise<bigint> {
    return (await this.#read('quorum', [atSec]))[0];
  }

  /** What votes: `Votes` at that address. */
  async token(): Promise<string> {
    return (await this.#read('token', []))[0];
  }

  async hasVoted(proposal: bigint, voter: Bytes): Promise<boolean> {
    return (await this.#read('hasVoted', [proposal, hexOf(voter)]))[0];
  }

  #build(method: string, args: readonly unknown[]): UnsignedTransaction {
    return { to: this.address, data: interfaceOf('WeftGovernor').encodeFunctionData(method, args) };
  }

  #read(method: string, args: readonly unknown[], at?: BlockTag) {
    return read(this.provider, 'WeftGovernor', this.address, method, args, at);
  }
}

/** The governor that commands a timelock which `Governance` made: the one that may propose to it. */
export async function governorOf(timelock: Bytes, provider: Provider, fromBlock: number): Promise<Governor> {
  const abi = interfaceOf('TimelockController');
  const topics = [abi.getEvent('RoleGranted')!.topicHash, keccakOf('PROPOSER_ROLE')];
  const logs = await readLogs(provider, { address: hexOf(timelock), topics }, fromBlock);
  const [account, ...others] = logs.map((log) => abi.parseLog(log)!.args.account as string);
  if (account === undefined || others.length > 0)
    throw new WeftError('NOT_FOUND', `${hexOf(timelock)} is no timelock of one governor`, {
      timelock: hexOf(timelock),
    });
  return new Governor(account.toLowerCase(), provider);
}

/** As the governor's functions take them: targets, values and calls apart. */
const columnsOf = (actions: readonly UnsignedTransaction[]) => [
  actions.map(({ to }) => to),
  actions.map(() => 0n),
  actions.map(({ data }) => data),
];

const idOf = ({ actions, description }: Actions) => [...columnsOf(actions), keccakOf(description)];
