import { createHash, randomBytes } from 'node:crypto';
import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { migrate } from '#platform/db/migrate.js';
import { createPool } from '#platform/db/pool.js';
import { Receipt as ReceiptMessage } from '#protos/weft/payment/v1/payment.js';
import { createDatabase } from '#test/support/database.js';
import { onEnd } from '#test/support/on-end.js';
import { tempDir } from '#test/support/temp-dir.js';
import { MerkleTree, rootOf } from '../merkle-tree.js';
import { escrowDomain, hashReceipt, signingHash } from '../typed-data.js';
import { writeReceipt } from '../wire.js';
import { BodyStore } from './body-store.js';
import { byteaArray } from './bytea-array.js';
import { GroupCommit } from './group-commit.js';
import { ProviderLedger, providerMigrations } from './provider-ledger.js';
import { readUsage } from './read-usage.js';
import { sweepLedger } from './retention.js';
import { SeenCalls } from './seen-calls.js';
import type { UnaryCharge } from './store-response.js';

const escrow = randomBytes(20);
const terms = () => ({ payer: randomBytes(20), signer: randomBytes(20), asset: 2n ** 64n - 1n, tenure: 1, salt: 7n });
const onChain = { deposited: 10_000n, claimed: 0n, expiresAtSec: 2_000_000_000, status: 'open' as const };

let pool: pg.Pool;
let folder: string;
let ledger: ProviderLedger;

beforeAll(async () => {
  const url = await createDatabase();
  await migrate(url, { folder: providerMigrations, schema: 'provider' });
  pool = createPool(url);
  onEnd(() => pool.end());
  folder = tempDir();
  ledger = await open();
});

const open = (home = { chainId: 1n, escrow }) =>
  ProviderLedger.open(pool, new BodyStore(folder), { ...home, birth: async () => ({ blockNumber: 5, atSec: 6 }) });

async function newChannel(change: Partial<typeof onChain> = {}) {
  return await ledger.addChannel({
    id: randomBytes(32),
    terms: terms(),
    onChain: { ...onChain, ...change },
    wholeLife: true,
  });
}

type NewChannel = Awaited<ReturnType<typeof newChannel>>;

function chargeOf(channel: NewChannel, change: Partial<UnaryCharge> = {}): UnaryCharge {
  const response = change.response ?? randomBytes(20);
  return {
    channel: channel.id,
    authorised: 10_000n,
    voucher: randomBytes(30),
    payer: channel.terms.payer,
    callId: randomBytes(32),
    commitment: randomBytes(32),
    receipt: randomBytes(40),
    response,
    responseDigest: createHash('sha256').update(response).digest(),
    amount: 100n,
    atSec: 1_700_000_000,
    ...change,
  };
}

describe('ledger', () => {
  test('belongs to one escrow on one chain', async () => {
    expect((await open()).bornAtBlock).toBe(5);
    await expect(open({ chainId: 2n, escrow })).rejects.toMatchObject({ reason: 'WRONG_CHAIN' });
    await expect(open({ chainId: 1n, escrow: randomBytes(20) })).rejects.toMatchObject({ reason: 'WRONG_ESCROW' });
  });

  test('keeps the whole range of amounts and ids', async () => {
    const most = 2n ** 96n - 1n;
    const channel = await newChannel({ deposited: most });
    expect(channel.terms.asset).toBe(2n ** 64n - 1n);
    expect(await ledger.charge(chargeOf(channel, { authorised: most, amount: most }))).toMatchObject({ spent: most });
    expect(await ledger.channel(channel.id)).toMatchObject({ spent: most, authorised: most, deposited: most });
  });

  test('charges a call id once, however often and however many at once', async () => {
    const channel = await newChannel();
    const charge = chargeOf(channel);
    const others = Array.from({ length: 20 }, () => chargeOf(channel));
    const twin = (first: UnaryCharge) => ({ ...chargeOf(channel), callId: first.callId });
    const results = await Promise.all(
      [...others, charge, twin(charge), twin(charge)].map((each) => ledger.charge(each)),
    );
    expect(results.filter(({ outcome }) => outcome === 'charged')).toHaveLength(21);
    expect(results.filter(({ outcome }) => outcome === 'known')).toHaveLength(2);
    // Whoever is told that it was charged finds its own receipt.
    const told = [charge, ...others].filter((_, i) => results[(i + 20) % 21]!.outcome === 'charged');
    expect(told).toHaveLength(21);
    for (const { payer, callId, receipt } of told) expect((await ledger.call(payer, callId))!.proof).toEqual(receipt);
    expect(await ledger.channel(channel.id)).toMatchObject({ spent: 2_100n, calls: 21n });
  });

  test('refuses what is not authorised or not covered, and only that, in a group', async () => {
    const [poor, rich] = [await newChannel({ deposited: 250n }), await newChannel()];
    const charges = [
      ...Array.from({ length: 5 }, () => chargeOf(poor)),
      ...Array.from({ length: 5 }, () => chargeOf(rich, { authorised: 300n })),
      ...Array.from({ length: 5 }, () => chargeOf(rich, { authorised: 300n })),
    ];
    const outcomes = await Promise.allSettled(charges.map((each) => ledger.charge(each)));
    const reasons = outcomes.map((each) => (each.status === 'fulfilled' ? 'charged' : each.reason.reason));
    expect(reasons.filter((each) => each === 'charged')).toHaveLength(5);
    expect(reasons.slice(0, 5).filter((each) => each === 'CHANNEL_EMPTY')).toHaveLength(3);
    expect(reasons.slice(5).filter((each) => each === 'UNDERPAID')).toHaveLength(7);
    expect(await ledger.channel(poor.id)).toMatchObject({ spent: 200n, calls: 2n });
    expect(await ledger.channel(rich.id)).toMatchObject({ spent: 300n, calls: 3n });
  });

  test('keeps the highest voucher whatever comes later', async () => {
    const channel = await newChannel();
    const high = randomBytes(30);
    await ledger.charge(chargeOf(channel, { authorised: 5_000n, voucher: high }));
    await ledger.charge(chargeOf(channel, { authorised: 400n }));
    const kept = await ledger.channel(channel.id);
    expect(kept).toMatchObject({ authorised: 5_000n, spent: 200n });
    expect(high.equals(kept!.voucher!)).toBe(true);
  });

  test('charges nothing on a channel that it does not have, that is frozen or that waits for receipts', async () => {
    const stranger = { ...(await newChannel()), id: randomBytes(32) };
    expect(await ledger.charge(chargeOf(stranger))).toEqual({ outcome: 'known' });
    const frozen = await newChannel();
    await ledger.charge(chargeOf(frozen));
    await ledger.freeze(frozen.id);
    await expect(ledger.charge(chargeOf(frozen))).rejects.toMatchObject({ reason: 'CHANNEL_EMPTY' });
    await ledger.updateFromChain(frozen.id, { ...onChain, deposited: 90_000n });
    await expect(ledger.charge(chargeOf(frozen))).rejects.toMatchObject({ reason: 'CHANNEL_EMPTY' });
    const lost = await ledger.addChannel({ id: randomBytes(32), terms: terms(), onChain, wholeLife: false });
    await expect(ledger.charge(chargeOf(lost))).rejects.toMatchObject({ reason: 'CHANNEL_EMPTY' });
  });

  test('a void call id can no longer be charged, and a charged one no longer be void', async () => {
    const channel = await newChannel();
    const proof = randomBytes(20);
    const [void_, charged] = [chargeOf(channel), chargeOf(channel)];
    const place = { channel: channel.id, payer: channel.terms.payer, proof, atSec: 1 };
    expect(await ledger.voidCall({ ...place, callId: void_.callId })).toMatchObject({ state: 'VOID' });
    expect(await ledger.charge(void_)).toEqual({ outcome: 'known' });
    await ledger.charge(charged);
    expect(await ledger.voidCall({ ...place, callId: charged.callId })).toMatchObject({ state: 'CHARGED' });
    expect(await ledger.channel(channel.id)).toMatchObject({ spent: 100n });
  });

  test('tells that it was restored from an older copy when the chain has seen more', async () => {
    const channel = await newChannel();
    await ledger.charge(chargeOf(channel));
    const after = await ledger.updateFromChain(channel.id, { ...onChain, claimed: 500n });
    expect(after).toMatchObject({ state: 'RECONCILE', spent: 500n, authorised: 10_000n, claimed: 500n });
  });

  test('takes a deposit back that a reorg took, and charges no more than is there', async () => {
    const channel = await newChannel();
    await ledger.charge(chargeOf(channel));
    await ledger.updateFromChain(channel.id, { ...onChain, deposited: 150n });
    await expect(ledger.charge(chargeOf(channel))).rejects.toMatchObject({ reason: 'CHANNEL_EMPTY' });
    await ledger.updateFromChain(channel.id, onChain);
    expect(await ledger.charge(chargeOf(channel))).toMatchObject({ spent: 200n });
  });

  test('a large response is a file before it is charged', async () => {
    const channel = await newChannel();
    const response = randomBytes(300_000);
    const charge = chargeOf(channel, { response });
    await ledger.charge(charge);
    const { rows } = await pool.query('select response, body from provider.call where call_id = $1', [charge.callId]);
    expect(rows[0]).toEqual({ response: null, body: charge.responseDigest });
    expect((await ledger.response(channel.terms.payer, charge.callId))?.equals(response)).toBe(true);
  });
});

describe('retention', () => {
  const nowSec = 1_700_000_000 + 200_000;

  test('drops responses after their time, never sooner than a day, and keeps receipts', async () => {
    const channel = await newChannel();
    const old = chargeOf(channel, { response: randomBytes(300_000) });
    const young = chargeOf(channel, { atSec: nowSec - 80_000, response: randomBytes(300_001) });
    await ledger.charge(old);
    await ledger.charge(young);
    const long = new Date((nowSec - 300_000) * 1000);
    for (const name of await readdir(folder, { recursive: true }))
      if (name.length > 60) await utimes(join(folder, name), long, long);
    const swept = await sweepLedger(ledger, { retainSec: 0, nowSec });
    expect(swept.responses).toBeGreaterThan(0);
    expect(await ledger.response(channel.terms.payer, old.callId)).toBeUndefined();
    expect(await ledger.call(channel.terms.payer, old.callId)).toMatchObject({ state: 'CHARGED' });
    expect(await ledger.bodies.get(old.responseDigest)).toBeUndefined();
    expect(await ledger.response(channel.terms.payer, young.callId)).toEqual(young.response);
  });

  test("drops a channel's calls once it is closed on chain, and no sooner", async () => {
    const channel = await newChannel();
    const charge = chargeOf(channel);
    await ledger.charge(charge);
    await sweepLedger(ledger, { retainSec: 0, nowSec });
    expect(await ledger.call(channel.terms.payer, charge.callId)).toBeDefined();
    await ledger.updateFromChain(channel.id, { ...onChain, claimed: 100n, status: 'closed' });
    await sweepLedger(ledger, { retainSec: 0, nowSec });
    expect(await ledger.call(channel.terms.payer, charge.callId)).toBeUndefined();
    expect(await ledger.channel(channel.id)).toMatchObject({ state: 'CLOSED', spent: 100n });
  });
});

describe('epochs', () => {
  const separator = escrowDomain({ chainId: 1n, verifyingContract: escrow });
  const tenure = { asset: terms().asset, tenure: 1 };

  /** Charges a call whose receipt is one, if not a signed one. */
  async function charged(channel: NewChannel, amount = 100n) {
    const charge = chargeOf(channel);
    const receipt = {
      callId: charge.callId,
      account: channel.id,
      ...tenure,
      commitment: charge.commitment,
      responseDigest: charge.responseDigest,
      units: 1n,
      amount,
      outcome: 'complete' as const,
      servedAtSec: charge.atSec,
    };
    const proof = ReceiptMessage.encode(writeReceipt({ ...receipt, signature: randomBytes(64) })).finish();
    await ledger.charge({ ...charge, receipt: proof });
    return { ...charge, leaf: { receiptDigest: signingHash(separator, hashReceipt(receipt)), amount } };
  }

  test('hold every receipt once, and their root can be made anew from the ledger', async () => {
    await pool.query('delete from provider.call'); // whose proofs are no receipts
    const channel = await newChannel();
    const calls = [await charged(channel), await charged(channel), await charged(channel)];
    expect(await ledger.epochs.waiting(tenure, 2)).toEqual({ receipts: 2, sinceSec: 1_700_000_000 });
    const epoch = (await ledger.epochs.make(tenure, 1n))!;
    expect(epoch).toMatchObject({ ...tenure, number: 1n, receipts: 3n, amount: 300n, anchoredAtSec: undefined });
    expect(await ledger.epochs.waiting(tenure, 2)).toEqual({ receipts: 0, sinceSec: undefined });
    expect(await ledger.epochs.make(tenure, 2n)).toBeUndefined();
    const later = await charged(channel);
    expect(await ledger.epochs.make(tenure, 2n)).toMatchObject({ number: 2n, receipts: 1n });

    const leaves = await ledger.epochs.leaves(epoch);
    expect(leaves).toEqual(calls.map(({ leaf }) => leaf));
    expect(new MerkleTree(leaves).root).toEqual(epoch.root);
    const place = (callId: Uint8Array, id = channel.id) => ledger.epochs.place({ account: id, callId });
    expect(await place(calls[1]!.callId)).toEqual({ state: 'waiting', atSec: 1_700_000_000, unpaid: false });
    await ledger.epochs.confirm(epoch, 1n, 1_700_000_100);
    for (const { callId, leaf } of calls) {
      const found = await place(callId);
      if (found?.state !== 'anchored') throw new Error('not anchored');
      expect(rootOf(leaf, found.siblings)).toEqual(epoch.root);
    }
    expect(await place(later.callId)).toMatchObject({ state: 'waiting' });
    expect(await place(calls[0]!.callId, randomBytes(32))).toBeUndefined();
  });

  test('the same number is given once: of two epochs that are made at the same time one is not there', async () => {
    const channel = await newChannel();
    await charged(channel);
    const made = await Promise.allSettled([ledger.epochs.make(tenure, 3n), ledger.epochs.make(tenure, 3n)]);
    expect(made.filter((each) => each.status === 'fulfilled' && each.value !== undefined)).toHaveLength(1);
    expect(await ledger.epochs.highest(tenure)).toBe(3n);
    expect(await ledger.epochs.waiting(tenure, 9)).toMatchObject({ receipts: 0 });
  });

  test('statements count every receipt once, in an epoch or not, and as long as the ledger lasts', async () => {
    const days = { fromDay: 0, toDay: 100_000 };
    const usage = async () => await readUsage(pool, tenure.asset, days);
    const sum = async () => (await usage()).reduce((all, { amount }) => all + amount, 0n);
    const before = await sum();
    const channel = await newChannel();
    await charged(channel, 7n);
    expect(await sum()).toBe(before + 7n);
    await ledger.epochs.make(tenure, 9n);
    await charged(channel, 8n);
    expect(await sum()).toBe(before + 15n);
    await ledger.epochs.make(tenure, 10n);
    await ledger.updateFromChain(channel.id, { ...onChain, claimed: 15n, status: 'closed' });
    await sweepLedger(ledger, { retainSec: 0, nowSec: 1_700_000_000, anchors: true });
    expect(await sum()).toBe(before + 15n);
    const day = 19_675; // of 1,700,000,000
    expect(await usage()).toMatchObject([{ day, asset: tenure.asset, units: (await usage())[0]!.calls }]);
    expect(await readUsage(pool, tenure.asset, { ...days, toDay: day - 1 })).toEqual([]);
    expect(await readUsage(pool, 5n, days)).toEqual([]);
  });

  test('a closed channel’s calls stay until their receipts are in one, and these stay for good', async () => {
    const channel = await newChannel();
    const { callId } = await charged(channel);
    await ledger.updateFromChain(channel.id, { ...onChain, claimed: 100n, status: 'closed' });
    const sweep = () => sweepLedger(ledger, { retainSec: 0, nowSec: 1_700_000_000, anchors: true });
    await sweep();
    expect(await ledger.call(channel.terms.payer, callId)).toBeDefined();
    const epoch = (await ledger.epochs.make(tenure, 11n))!;
    await sweep();
    expect(await ledger.call(channel.terms.payer, callId)).toBeUndefined();
    expect(new MerkleTree(await ledger.epochs.leaves(epoch)).root).toEqual(epoch.root);
  });
});

describe('parts', () => {
  test('a group takes what was added in one turn of the loop, or while the one before was committed, and each item has its own outcome', async () => {
    const groups: number[][] = [];
    const group = new GroupCommit<number, number>(
      async (items) => {
        groups.push([...items]);
        await new Promise((resolve) => setImmediate(resolve));
        return items.map((item) => (item === 3 ? { error: new Error('three') } : { value: item * 2 }));
      },
      () => 1,
      { items: 4, size: 1_000 },
    );
    const first = [1, 2].map((item) => group.add(item));
    while (groups.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const outcomes = await Promise.allSettled([...first, ...[3, 4, 5, 6, 7].map((item) => group.add(item))]);
    expect(groups).toEqual([[1, 2], [3, 4, 5, 6], [7]]);
    expect(outcomes.map((each) => (each.status === 'fulfilled' ? each.value : each.reason.message))).toEqual([
      2,
      4,
      'three',
      8,
      10,
      12,
      14,
    ]);
    expect(await group.add(8)).toBe(16);
  });

  test('a group that cannot be committed fails each of its items, and the next one goes on', async () => {
    let broken = true;
    const group = new GroupCommit<number, number>(
      async (items) => {
        if (broken) throw new Error('no database');
        return items.map((value) => ({ value }));
      },
      () => 1,
      { items: 4, size: 4 },
    );
    await expect(group.add(1)).rejects.toThrow('no database');
    broken = false;
    expect(await group.add(2)).toBe(2);
  });

  test('the filter of seen ids never forgets one and seldom sees one that was not there', () => {
    const seen = new SeenCalls();
    const ids = Array.from({ length: 20_000 }, () => randomBytes(32));
    for (const id of ids) seen.add(id);
    expect(ids.every((id) => seen.has(id))).toBe(true);
    const wrong = Array.from({ length: 10_000 }, () => seen.has(randomBytes(32))).filter(Boolean);
    expect(wrong.length).toBeLessThan(100);
  });

  test('byte strings reach PostgreSQL as they are, nulls and empty ones too', async () => {
    const items = [randomBytes(300), null, Buffer.alloc(0), Buffer.from([0])];
    const { rows } = await pool.query('select e from unnest($1::bytea[]) with ordinality as u(e, n) order by n', [
      byteaArray(items),
    ]);
    expect(rows.map(({ e }) => e)).toEqual(items);
    expect((await pool.query('select e from unnest($1::bytea[]) as u(e)', [byteaArray([])])).rows).toEqual([]);
  });
});
