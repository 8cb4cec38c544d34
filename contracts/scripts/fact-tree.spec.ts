import { drawTrees, readFacts } from './fact-tree.mjs';

const file = 'contracts/test/escrow/Claim.t.sol';

describe('the tree of facts', () => {
  it('has a branch for each state, condition and fact that the names of the tests tell', () => {
    const { facts, faults } = readFacts({
      [file]: {
        EscrowClaim_GivenAnOpenChannel: ['testFuzz_I2_WhenAnyAmountIsClaimed_ItNeverPaysAboveTheVoucher'],
        EscrowClaim_GivenAnOpenChannel_GivenAClaimBefore: [
          'test_T1_T4_WhenMoreIsClaimed_ItAddsTheDifference',
          'test_WhenMoreIsClaimed_ItTellsSo',
        ],
      },
      'contracts/test/Economy.t.sol': {
        Economy: ['invariant_I1_GivenFourPeople_WhenTheyDoWhatTheyLike_ItConservesMoney'],
      },
    });
    expect(faults).toEqual([]);
    expect(drawTrees(facts)).toBe(`escrow/Claim.t.sol
└── given an open channel
    ├── when any amount is claimed
    │   └── it never pays above the voucher (I2, fuzzed)
    └── given a claim before
        └── when more is claimed
            ├── it adds the difference (T1, T4)
            └── it tells so

Economy.t.sol
└── given four people
    └── when they do what they like
        └── it conserves money (I1, campaign)
`);
  });

  it.each([
    ['EscrowClaim_GivenIncome', 'test_claim_paysOnce', /test_claim_paysOnce is not called/],
    ['EscrowClaim_GivenIncome', 'test_WhenItIsClaimed', /test_WhenItIsClaimed is not called/],
    ['EscrowClaim_GivenIncome', 'test_ItPaysOnce_WhenItIsClaimed', /is not called/],
    ['EscrowClaim_GivenIncome', 'test_WhenItIsClaimed_ItPaysOnce_T4', /is not called/],
    ['EscrowClaim_GivenIncome', 'testFail_WhenItIsClaimed_ItPaysOnce', /is not called/],
    ['EscrowClaim', 'test_ItPaysOnce', /test_ItPaysOnce holds under no condition/],
    ['ClaimTest', 'test_WhenItIsClaimed_ItPaysOnce', /ClaimTest is not called EscrowClaim_Given…/],
    ['EscrowClose_GivenIncome', 'test_WhenItIsClaimed_ItPaysOnce', /EscrowClose_GivenIncome is not called/],
  ])('has no place for %s, %s', (contract, name, sentence) => {
    expect(readFacts({ [file]: { [contract]: [name] } })).toEqual({
      facts: [],
      faults: [expect.stringMatching(sentence)],
    });
  });
});
