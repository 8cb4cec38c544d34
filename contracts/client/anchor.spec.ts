import { randomBytes } from 'node:crypto';
import { getBytes } from 'ethers';
import { type Leaf, MerkleTree, rootOf } from '#payments/merkle-tree.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { Anchor, parseAnchorLogs } from './anchor.js';
import { mintedAsset } from './assets.js';
import { send } from './chain.js';

let chain: Chain;
let anchor: Anchor;
let asset: bigint;

beforeAll(async () => {
  chain = await startChain();
  anchor = new Anchor(chain.deployment.anchor, chain.provider);
  const operator = getBytes(chain.account(2).address);
  asset = mintedAsset(await send(chain.account(1), chain.assets.mint({ operator })), chain.deployment.assets);
});
afterAll(() => chain?.stop());

const leavesOf = (count: number): Leaf[] =>
  Array.from({ length: count }, (_, i) => ({ receiptDigest: randomBytes(32), amount: BigInt(i) * 7n + 1n }));
const sumOf = (leaves: readonly Leaf[]) => leaves.reduce((sum, { amount }) => sum + amount, 0n);

async function anchored(leaves: readonly Leaf[]) {
  const tree = new MerkleTree(leaves);
  const number = (await anchor.epochs(asset, 1)) + 1n;
  const epoch = { root: tree.root, receipts: BigInt(leaves.length), amount: sumOf(leaves) };
  const receipt = await send(chain.account(2), anchor.anchor(asset, 1, number, epoch));
  return { tree, number, epoch, receipt };
}

test.each([1, 2, 3, 5, 8, 33])('the contract finds every receipt of %i under the root, and no other', async (count) => {
  const leaves = leavesOf(count);
  const { tree, number } = await anchored(leaves);
  for (const [i, leaf] of leaves.entries()) {
    const proof = tree.proof(i);
    expect(rootOf(leaf, proof)).toEqual(tree.root);
    expect(await anchor.verify(asset, 1, number, leaf, proof)).toBe(true);
    const dearer = { ...leaf, amount: leaf.amount + 1n };
    expect(rootOf(dearer, proof)).not.toEqual(tree.root);
    expect(await anchor.verify(asset, 1, number, dearer, proof)).toBe(false);
  }
  const [stranger] = leavesOf(1);
  expect(await anchor.verify(asset, 1, number, stranger!, tree.proof(0))).toBe(false);
});

test('an epoch reads as it was anchored, and its event says the same', async () => {
  const { number, epoch, receipt } = await anchored(leavesOf(4));
  expect(await anchor.epoch(asset, 1, number)).toEqual({
    root: Uint8Array.from(epoch.root),
    receipts: 4n,
    amount: epoch.amount,
    anchoredAtSec: await chain.nowSec(),
  });
  const expected = [{ name: 'Anchored', asset, tenure: 1, epoch: number, root: Uint8Array.from(epoch.root) }];
  expect(parseAnchorLogs(receipt.logs, anchor.address)).toMatchObject(expected);
  expect(await anchor.events(receipt.blockNumber, receipt.blockNumber)).toMatchObject(expected);
  expect(await anchor.epoch(asset, 1, number + 1n)).toBeUndefined();
});

test('an epoch that is sent twice is refused the second time, and strangers anchor nothing', async () => {
  const { number, epoch } = await anchored(leavesOf(2));
  await expect(send(chain.account(2), anchor.anchor(asset, 1, number, epoch))).rejects.toMatchObject({
    reason: 'TRANSACTION_REVERTED',
    details: { revert: 'WrongEpoch' },
  });
  await expect(send(chain.account(3), anchor.anchor(asset, 1, number + 1n, epoch))).rejects.toMatchObject({
    details: { revert: 'NotOperator' },
  });
});

test('a tree of no receipts is none', () => {
  expect(() => new MerkleTree([])).toThrow('at least one leaf');
});
