import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { openProviderLedger } from '#test/support/provider-ledger.js';
import { messageDigest } from '../digests.js';
import type { LicenceOnChain } from './licence-ledger.js';
import type { ProviderLedger } from './provider-ledger.js';
import { sweepLedger } from './retention.js';

const DAY = 86_400;
const NOW = 2_000_000_000;

describe('licences in the provider’s ledger', () => {
  let pool: pg.Pool;
  let ledger: ProviderLedger;

  beforeAll(async () => {
    ({ pool, ledger } = await openProviderLedger());
  });
  afterAll(() => pool?.end());

  const passOf = (change: Partial<LicenceOnChain> = {}): LicenceOnChain => ({
    valid: true,
    holder: randomBytes(20),
    signer: randomBytes(20),
    signerNumber: 1,
    asset: 1n,
    tenure: 1,
    kind: 'pass',
    offerId: randomBytes(32),
    startSec: NOW - 9 * DAY,
    validUntilSec: undefined,
    paid: 10n,
    earned: 0n,
    uses: 0n,
    callsLeft: 5n,
    atSec: NOW,
    ...change,
  });

  async function charge(id: Uint8Array, atSec: number, amount = 1n, authorised = 5n) {
    const response = randomBytes(8);
    const callId = randomBytes(32);
    const call = { channel: id, payer: id, callId, commitment: randomBytes(32), receipt: randomBytes(9), atSec };
    const responseDigest = messageDigest(response);
    await ledger.licences.charge({ ...call, authorised, voucher: randomBytes(9), response, responseDigest, amount });
    return callId;
  }

  test('keep their calls while an id could come back, and their answers for a day', async () => {
    const [running, ended, expired] = [randomBytes(32), randomBytes(32), randomBytes(32)];
    const state = passOf();
    for (const id of [running, ended]) await ledger.licences.take(id, state);
    await ledger.licences.take(expired, passOf({ kind: 'rental', callsLeft: undefined, validUntilSec: NOW - 2 * DAY }));
    const calls = new Map<Uint8Array, Buffer>();
    for (const id of [running, ended, expired])
      calls.set(id, await charge(id, NOW - 3 * DAY, id === expired ? 0n : 1n));
    const young = await charge(ended, NOW - 60);
    await ledger.licences.take(ended, { ...state, holder: undefined, signer: undefined });
    expect(await sweepLedger(ledger, { retainSec: DAY, nowSec: NOW })).toMatchObject({ responses: 3, calls: 2 });
    const isKnown = async (id: Uint8Array) => (await ledger.call(id, calls.get(id)!)) !== undefined;
    expect([await isKnown(running), await isKnown(ended), await isKnown(expired)]).toEqual([true, false, false]);
    expect(await ledger.response(ended, young)).toHaveLength(8);
    expect(await ledger.response(running, calls.get(running)!)).toBeUndefined();
  });

  test('where receipts are anchored, keep those that are not when they are over, and no Voids', async () => {
    const id = randomBytes(32);
    const state = passOf();
    await ledger.licences.take(id, state);
    const charged = await charge(id, NOW - 3 * DAY);
    const callId = randomBytes(32);
    await ledger.voidCall({ channel: id, payer: id, callId, proof: randomBytes(9), atSec: NOW - 3 * DAY });
    await ledger.licences.take(id, { ...state, holder: undefined, signer: undefined });
    await sweepLedger(ledger, { retainSec: DAY, nowSec: NOW, anchors: true });
    expect([await ledger.call(id, callId), (await ledger.call(id, charged))?.state]).toEqual([undefined, 'CHARGED']);
  });

  test('are worth what the calls that are not claimed would earn', async () => {
    const worthAt = async (change: Partial<LicenceOnChain>, calls: number) => {
      const id = randomBytes(32);
      const state = passOf({ paid: 100n, callsLeft: 10n, ...change });
      await ledger.licences.take(id, state);
      for (let i = 0; i < calls; i++) await charge(id, NOW, 1n, 15n);
      return (await ledger.licences.licence(id))!.worth;
    };
    expect(await worthAt({}, 3)).toBe(30n);
    expect(await worthAt({ paid: 105n }, 3)).toBe(31n);
    // Of 15 calls 5 were claimed, and of 150 units so 50 are earned.
    expect(await worthAt({ paid: 150n, earned: 50n, uses: 5n }, 2)).toBe(20n);
    expect(await worthAt({ earned: 100n }, 3)).toBe(0n); // not refundable
    expect(await worthAt({ paid: 100n, callsLeft: 0n, uses: 10n, earned: 100n }, 0)).toBe(0n);
  });

  test('the chain’s count only raises theirs, a lower one after a reorg leaves what is to be claimed', async () => {
    const id = randomBytes(32);
    const state = passOf();
    await ledger.licences.take(id, state);
    await charge(id, NOW);
    await charge(id, NOW);
    expect(await ledger.licences.take(id, { ...state, uses: 2n, callsLeft: 3n })).toMatchObject({
      spent: 2n,
      claimed: 2n,
      unclaimedSinceSec: undefined,
    });
    expect(await ledger.licences.take(id, state)).toMatchObject({ spent: 2n, claimed: 0n, unclaimedSinceSec: NOW });
    expect(await ledger.licences.take(id, { ...state, uses: 4n, callsLeft: 1n })).toMatchObject({ spent: 4n });
    await charge(id, NOW);
    await expect(charge(id, NOW)).rejects.toMatchObject({ reason: 'LICENCE_USED_UP' });
  });

  test('a view of an earlier signer, read late, takes nothing back from the present one', async () => {
    const id = randomBytes(32);
    const state = passOf();
    await ledger.licences.take(id, state);
    await charge(id, NOW);
    const signer = randomBytes(20);
    const anew = { ...state, signer, signerNumber: 2, uses: 1n, callsLeft: 4n };
    expect(await ledger.licences.take(id, anew)).toMatchObject({ spent: 1n, authorised: 1n, voucher: undefined });
    await charge(id, NOW, 1n, 2n);
    expect(await ledger.licences.take(id, state)).toMatchObject({ signerNumber: 2, spent: 2n, authorised: 2n });
    expect((await ledger.licences.licence(id))!.signer).toEqual(signer);
  });
});
