import { type Governor, governorOf, type Proposal, type Standing } from '#contracts/governor.js';
import { WeftError } from '#core/errors.js';
import type { Economy } from '../economy.js';

/** Where something is decided: by the protocol's governor, or by that of an asset's shares. */
export interface Ballot {
  readonly governor: Governor;
  /** Oldest first. */
  readonly proposals: readonly NumberedProposal[];
}

/** Ids have 77 digits, so people count. */
export interface NumberedProposal extends Proposal, Standing {
  /** From 1 on. */
  readonly number: number;
}

export async function openBallot(economy: Economy, asset: bigint | undefined): Promise<Ballot> {
  const { provider, contracts } = economy;
  const shares = asset === undefined ? undefined : await economy.sharesOf(asset);
  const governor =
    shares === undefined
      ? economy.governor
      : await governorOf(await shares.controller(), provider, contracts.blockNumber);
  const proposed = await governor.proposals(contracts.blockNumber);
  const proposals = await Promise.all(
    proposed.map(async (proposal, i) => ({ ...proposal, ...(await governor.standing(proposal.id)), number: i + 1 })),
  );
  return { governor, proposals };
}

/** By its number, or its whole id. */
export function proposalOf({ proposals }: Ballot, text: string): NumberedProposal {
  const found = proposals.find(({ id, number }) => text === String(number) || text === String(id));
  if (found !== undefined) return found;
  throw new WeftError('NOT_FOUND', `there is no proposal ${text}: see which there are with "npx weft govern show"`, {
    field: 'proposal',
  });
}
