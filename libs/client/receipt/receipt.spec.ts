import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, test } from '@jest/globals';
import { Wallet } from 'ethers';
import { mintedAsset, type Parent } from '#contracts/assets.js';
import { send } from '#contracts/chain.js';
import { fromHex, toHex } from '#core/hex.js';
import { SigningKey } from '#payments/signature.js';
import { type EchoMarket, startEchoMarket } from '#test/support/echo-market.js';
import { startSettler } from '#test/support/settling.js';
import { collectReceipt } from './collect-receipt.js';
import { creditsOf } from './credits.js';
import { readFacts } from './read-facts.js';
import { type ReceiptFile, readReceiptFile, receiptFileJson } from './receipt-file.js';
import { receiptDigest, verifyReceipt } from './verify-receipt.js';

let market: EchoMarket;
let service: Awaited<ReturnType<EchoMarket['offer']>>;
let settling: Awaited<ReturnType<typeof startSettler>>;
let operator: SigningKey;
let model: bigint;
let data: bigint;
let callId: Uint8Array;

beforeAll(async () => {
  market = await startEchoMarket();
  const { chain } = market;
  const mint = async (parents: Parent[]) => {
    const receipt = await send(chain.account(7), chain.assets.mint({ operator: randomBytes(20), parents }));
    return mintedAsset(receipt, chain.deployment.assets);
  };
  data = await mint([]);
  model = await mint([{ asset: data, bps: 2_000 }]);
  const secret = randomBytes(32);
  operator = new SigningKey(secret);
  service = await market.offer({ parents: [{ asset: model, bps: 3_000 }] }, operator);
  const wallet = new Wallet(toHex(secret), chain.provider);
  await chain.provider.send('anvil_setBalance', [wallet.address, '0xde0b6b3a7640000']);
  settling = await startSettler(chain, { ...service, listing: { asset: service.asset, tenure: 1 } }, wallet, {
    everyMs: 3_600_000,
  });
  for (let i = 0; i < 3; i++) callId = await call();
});
afterAll(async () => {
  await settling?.stop();
  await market?.stop();
});

async function call(): Promise<Uint8Array> {
  const { receipt } = await market.weft().call(service.listing, 'Say', { text: 'proven' });
  return receipt!.callId;
}
const chain = () => ({ provider: market.chain.provider, contracts: market.chain.deployment });
const collect = (id = callId) => collectReceipt(market.wallet, chain(), id);
const factsOf = ({ receipt, signer, proof }: ReceiptFile) =>
  readFacts(chain(), { asset: receipt.asset, tenure: receipt.tenure, signer, epoch: proof?.epoch });
const reread = (file: ReceiptFile): ReceiptFile => readReceiptFile(JSON.stringify(receiptFileJson(file)));

describe('a receipt', () => {
  it('can be had before it is anchored, with the time by which it will be', async () => {
    const { file, unproven } = await collect();
    const bySec = file.receipt.servedAtSec + 600;
    expect(unproven).toBe(
      `it is not anchored yet, and will be by ${new Date(bySec * 1000).toISOString().slice(0, 19)}Z`,
    );
    expect(file.proof).toBeUndefined();
    expect(verifyReceipt(file, await factsOf(file))).toEqual({ signer: operator.address, anchored: undefined });
  });

  it('with its proof is a file that verifies against the chain, and alone', async () => {
    const [anchored] = await settling.settler.anchorNow();
    expect(anchored).toMatchObject({ asset: service.asset, receipts: 3n, amount: 300n });
    const { file, unproven } = await collect();
    expect(unproven).toBeUndefined();
    const read = reread(file);
    expect(receiptFileJson(read)).toEqual(receiptFileJson(file));
    const expected = {
      signer: operator.address,
      anchored: { epoch: anchored!.epoch, root: Uint8Array.from(anchored!.root) },
    };
    expect(verifyReceipt(read, await factsOf(read))).toMatchObject(expected);
    expect(verifyReceipt(read, read.facts)).toMatchObject(expected);
    expect(read.receipt).toMatchObject({ callId, asset: service.asset, amount: 100n, outcome: 'complete' });
    expect(read.call?.listing).toEqual(fromHex(service.listing, 'listing', 32));
  });

  it('that the wallet does not have is not found', async () => {
    await expect(collect(randomBytes(32))).rejects.toMatchObject({ reason: 'NOT_FOUND' });
  });
});

describe('who is credited for a call', () => {
  it('is told up the lineage, with what was credited once it is released', async () => {
    const { file } = await collect();
    const credits = async () =>
      creditsOf(file.receipt, file.facts.lineage, await market.chain.revenue.events(0, 'latest'));
    const [toModel, toData] = [
      { asset: service.asset, parent: model, bps: 3_000, share: 30n },
      { asset: model, parent: data, bps: 2_000, share: 6n },
    ];
    expect(await credits()).toEqual([
      { ...toModel, credited: 0n },
      { ...toData, credited: 0n },
    ]);
    await settling.settler.settleNow();
    for (const asset of [service.asset, model])
      await send(market.chain.account(8), market.chain.revenue.release(asset, 1));
    expect(await credits()).toEqual([
      { ...toModel, credited: 90n },
      { ...toData, credited: 18n },
    ]);
  });

  it('twice over on two ways up', () => {
    const lineage = [
      { asset: 4n, parent: 2n, bps: 5_000 },
      { asset: 4n, parent: 3n, bps: 4_000 },
      { asset: 3n, parent: 2n, bps: 5_000 },
      { asset: 2n, parent: 1n, bps: 1_000 },
    ];
    const shares = creditsOf({ asset: 4n, tenure: 1, amount: 1_000n }, lineage).map(({ share }) => share);
    expect(shares).toEqual([500n, 400n, 200n, 70n]);
  });
});

/** One change each, as a forger would make it; the sentence tells what is wrong. */
const stranger = new SigningKey(randomBytes(32));
const flipped = (bytes: Uint8Array) => bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
type Change = (file: ReceiptFile) => ReceiptFile;
const ofReceipt =
  (change: (receipt: ReceiptFile['receipt']) => Partial<ReceiptFile['receipt']>): Change =>
  (file) => ({ ...file, receipt: { ...file.receipt, ...change(file.receipt) } });

const signedBy = (key: SigningKey, file: ReceiptFile): ReceiptFile => ({
  ...file,
  signer: key.address,
  receipt: { ...file.receipt, signature: key.sign(receiptDigest(file)) },
});
const forgeries: [string, Change, string, RegExp][] = [
  ['a call id', ofReceipt(({ callId }) => ({ callId: flipped(callId) })), 'receipt.callId', /over another call/],
  [
    'a method',
    (file) => ({ ...file, call: { ...file.call!, method: 'test.echo.v1.EchoService/Count' } }),
    'receipt.callId',
    /its id, listing, method or request differs/,
  ],
  ['an amount above what was agreed', ofReceipt(() => ({ amount: 101n })), 'receipt.amount', /agreed to 100 at most/],
  ['a lower amount', ofReceipt(() => ({ amount: 99n })), 'receipt.amount', /says 99, but 100 were anchored for it/],
  [
    'an amount and its leaf',
    (file) => ofReceipt(() => ({ amount: 99n }))({ ...file, proof: { ...file.proof!, amount: 99n } }),
    'receipt.signature',
    /is not what 0x\w+ signed/,
  ],
  [
    'an asset',
    ofReceipt(({ asset }) => ({ asset: asset - 1n })),
    'receipt.asset',
    /nor is the signature over this asset/,
  ],
  ['a tenure', ofReceipt(() => ({ tenure: 2 })), 'receipt.signature', /is not what 0x\w+ signed/],
  [
    'a response digest',
    ofReceipt(({ responseDigest }) => ({ responseDigest: flipped(responseDigest) })),
    'receipt.signature',
    /its response digest, units, outcome, time or account was changed/,
  ],
  [
    'a signature',
    ofReceipt(({ signature }) => ({ signature: flipped(signature) })),
    'receipt.signature',
    /is not what/,
  ],
  [
    'another signer',
    (file) => signedBy(stranger, file),
    'signer',
    /0x\w+ signed it, and never was an operator of asset/,
  ],
  [
    'a time before its signer was an operator',
    (file) => signedBy(operator, ofReceipt(() => ({ servedAtSec: 1 }))(file)),
    'receipt.servedAtSec',
    /was no operator of asset \d+ at that time/,
  ],
  [
    'a tenure that its signer signs for',
    (file) => signedBy(operator, ofReceipt(() => ({ tenure: 2 }))(file)),
    'receipt.tenure',
    /was operator of asset \d+ in tenure 1, not 2/,
  ],
  [
    'a leaf of another receipt',
    (file) => ({ ...file, proof: { ...file.proof!, receiptDigest: flipped(file.proof!.receiptDigest) } }),
    'proof.receiptDigest',
    /what was anchored is not this receipt/,
  ],
  [
    'a sibling',
    (file) => ({ ...file, proof: { ...file.proof!, siblings: file.proof!.siblings.map(flipped) } }),
    'proof.siblings',
    /the siblings do not lead to the root of epoch 1/,
  ],
  [
    'a sibling too few',
    (file) => ({ ...file, proof: { ...file.proof!, siblings: file.proof!.siblings.slice(1) } }),
    'proof.siblings',
    /do not lead to the root/,
  ],
];

describe('a forged file', () => {
  const root: Change = (file) => ({
    ...file,
    facts: { ...file.facts, epoch: { ...file.facts.epoch!, root: flipped(file.facts.epoch!.root) } },
  });

  test.each([
    ...forgeries,
    ['a root', root, 'chain.epoch.root', /on chain is 0x\w+, not that of the file/],
    [
      'an epoch',
      (file) => ({ ...file, proof: { ...file.proof!, epoch: 9n } }),
      'proof.epoch',
      /has no epoch 9 in tenure 1/,
    ],
  ] as typeof forgeries)('with %s is refused by the chain', async (_, change, field, sentence) => {
    const forged = reread(change((await collect()).file));
    const facts = await factsOf(forged);
    const check = () => verifyReceipt(forged, facts);
    expect(check).toThrow(expect.objectContaining({ reason: 'RECEIPT_INVALID', details: { field } }));
    expect(check).toThrow(sentence);
  });

  test.each(
    // Without a chain the file's own word must do for who was an operator.
    forgeries.filter(([what]) => what !== 'an asset' && what !== 'another signer'),
  )('with %s is refused without a chain', async (_, change, field, sentence) => {
    const forged = reread(change((await collect()).file));
    const check = () => verifyReceipt(forged, forged.facts);
    expect(check).toThrow(expect.objectContaining({ reason: 'RECEIPT_INVALID', details: { field } }));
    expect(check).toThrow(sentence);
  });

  test.each([
    ['an asset', forgeries.find(([what]) => what === 'an asset')![1], 'receipt.signature'],
    ['a root', root, 'proof.siblings'],
  ] as const)('with %s is refused without a chain, too', async (_, change, field) => {
    const forged = reread(change((await collect()).file));
    expect(() => verifyReceipt(forged, forged.facts)).toThrow(expect.objectContaining({ details: { field } }));
  });

  it('of a removed key counts only if it is anchored, and only for its time', async () => {
    const { file } = await collect();
    const { assets } = market.chain;
    await market.chain.advance(10);
    await send(market.chain.account(1), assets.setOperator(service.asset, randomBytes(20)));
    expect(verifyReceipt(file, await factsOf(file))).toMatchObject({ anchored: { epoch: 1n } });
    const bare = { ...file, proof: undefined };
    expect(() => verifyReceipt(bare, { ...file.facts, operator: undefined })).toThrow(/never was an operator/);
    await expect(factsOf(bare).then((facts) => verifyReceipt(bare, facts))).rejects.toThrow(/only anchored ones count/);
    const late = signedBy(operator, {
      ...bare,
      receipt: { ...bare.receipt, servedAtSec: (await market.chain.nowSec()) + 1 },
    });
    await expect(factsOf(late).then((facts) => verifyReceipt(late, facts))).rejects.toThrow(
      /was no operator of asset \d+ at that time/,
    );
  });
});

describe('a file that is none', () => {
  test.each([
    ['no JSON', 'receipt', 'INVALID_JSON', /npx weft receipt CALL --save/],
    ['something else', '{}', 'INVALID_INPUT', /format/],
    ['more than a receipt', `{"format":"weft-receipt/1","x":${'"y"'.padStart(300_000)}}`, 'INVALID_INPUT', /at most/],
  ] as const)('%s is refused', (_, text, reason, sentence) => {
    expect(() => readReceiptFile(text)).toThrow(expect.objectContaining({ reason }));
    expect(() => readReceiptFile(text)).toThrow(sentence);
  });

  test.each([
    ['receipt.amount', { amount: '-1' }],
    ['receipt.amount', { amount: String(2n ** 96n) }],
    ['receipt.callId', { callId: '0x12' }],
    ['receipt.servedAtSec', { servedAtSec: 2 ** 41 }],
    ['receipt', { more: 1 }],
  ] as const)('a %s out of shape is named', async (field, change) => {
    const json = receiptFileJson((await collect()).file);
    const text = JSON.stringify({ ...json, receipt: { ...json.receipt, ...change } });
    expect(() => readReceiptFile(text)).toThrow(
      expect.objectContaining({ reason: 'INVALID_INPUT', details: { field } }),
    );
  });
});
