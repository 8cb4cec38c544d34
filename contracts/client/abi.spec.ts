import { FunctionFragment } from 'ethers';
import { type ContractName, interfaceOf } from './artifact.js';
import { skipReasons } from './escrow.js';

/** Functions that can change something, by name. */
const changing = (name: ContractName): string[] =>
  interfaceOf(name)
    .fragments.filter((fragment) => FunctionFragment.isFragment(fragment))
    .filter((fragment) => !fragment.constant)
    .map((fragment) => fragment.name)
    .sort();

describe('the contracts', () => {
  it('T20 have no function but those of the protocol: nobody pauses, upgrades, sweeps or rules', () => {
    expect(changing('Escrow')).toEqual([
      'claim',
      'close',
      'collect',
      'deposit',
      'depositWithPermit',
      'extend',
      'giveUp',
      'open',
      'payOut',
      'reclaim',
      'take',
      'topUpTo',
      'withdraw',
    ]);
    // collect, payOut and take are Revenue's.
    // setFee is governance's, and takes no more than a constant allows of what is released later.
    expect(changing('Revenue')).toEqual(['pay', 'release', 'setFee', 'withdraw']);
    expect(changing('Assets')).toEqual([
      'approve',
      'delist',
      'mint',
      'publish',
      'safeTransferFrom',
      'safeTransferFrom',
      'setApprovalForAll',
      'setOperator',
      'setRoyalty',
      'setSaleRoyalty',
      'transferFrom',
    ]);
  });

  it("T20 take none of the chain's own coin", () => {
    for (const name of [
      'Escrow',
      'Revenue',
      'Assets',
      'Market',
      'Anchor',
      'Licences',
      'Shares',
      'VotesToken',
      'TestToken',
    ] as const) {
      const { fragments, receive, fallback, deploy } = interfaceOf(name);
      expect([receive, fallback, deploy.payable]).toEqual([false, null, false]);
      expect(fragments.some((fragment) => FunctionFragment.isFragment(fragment) && fragment.payable)).toBe(false);
    }
  });

  it('name as many reasons for skipping as the bindings', () => {
    const skipped = interfaceOf('Escrow').getEvent('Skipped');
    expect(skipped?.inputs.map((input) => input.name)).toEqual(['channelId', 'reason']);
    expect(skipReasons).toHaveLength(8);
  });
});
