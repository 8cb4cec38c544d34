import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { HDNodeWallet, Wallet } from 'ethers';
import { Anchor } from '#contracts/anchor.js';
import { send } from '#contracts/chain.js';
import { connectChain } from '#contracts/chain-provider.js';
import type { LicenceKind, LicenceOffer } from '#contracts/licences.js';
import { streamRaw } from '#payments/rpc/raw-call.js';
import { typedClient } from '#payments/rpc/typed-client.js';
import { recover } from '#payments/signature.js';
import { escrowDomain, hashCount, hashReceipt, hashVoid, type Receipt, signingHash } from '#payments/typed-data.js';
import { readCount, readReceipt, readVoid, type Signed, writeCount, writeReceipt, writeVoid } from '#payments/wire.js';
import { CallState, PaymentsDefinition } from '#protos/weft/payment/v1/payment.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import {
  buyLicence,
  callLicensed,
  HeldLicence,
  licenceMetadata,
  licenceQuestions,
  licensedCall,
} from '#test/support/licensing.js';
import { onEnd } from '#test/support/on-end.js';
import {
  COUNT,
  FLOW,
  type PaidService,
  publishEcho,
  SAY,
  startPaidService,
  text,
  textOf,
} from '#test/support/paid-service.js';
import { domainOf, newKey, readTrailers } from '#test/support/paying.js';
import { startRpcProxy } from '#test/support/rpc-proxy.js';
import { startSettler } from '#test/support/settling.js';

const DAY = 86_400;

describe('licences at the paywall', () => {
  let chain: Chain;
  let service: PaidService;
  /** Another process of the same provider: same ledger, same key. */
  let replica: PaidService;
  /** Another service of the same owner. */
  let other: PaidService;
  let owner: HDNodeWallet;
  let buyer: HDNodeWallet;
  let listing: PaidService['listing'];
  let operatorWallet: Wallet;

  beforeAll(async () => {
    chain = await startChain();
    [owner, buyer] = [chain.account(1), chain.account(2)];
    const databaseUrl = await createDatabase();
    const echo = await publishEcho(chain);
    ({ listing, operatorWallet } = echo);
    service = await startPaidService({ chain, databaseUrl, ...echo });
    replica = await startPaidService({ chain, databaseUrl, ...echo });
    other = await startPaidService({ chain, databaseUrl: await createDatabase(), ...(await publishEcho(chain)) });
  });

  afterAll(async () => {
    for (const each of [service, replica, other]) await each?.stop();
    await chain?.stop();
  });

  const buy = (change: Partial<LicenceOffer> = {}) => buyLicence(chain, { owner, buyer, listing }, change);
  const pass = (calls: bigint, change: Partial<LicenceOffer> = {}) => buy({ kind: 'pass', calls, ...change });

  const say = (licence: HeldLicence, what: string, callId?: Uint8Array, uses?: bigint, at = service) => {
    const request = text(what);
    const payment = licence.use(licensedCall(at.listing, SAY, request, callId), uses);
    return callLicensed(at.client, `/${SAY}`, request, payment);
  };
  const reasonOf = async (reply: ReturnType<typeof say>) => (await reply).error?.reason;
  const rowOf = (licence: HeldLicence) => service.ledger.licences.licence(licence.id);

  const kinds: [LicenceKind, Partial<LicenceOffer>][] = [
    ['subscription', {}],
    ['pass', { calls: 3n }],
    ['rental', { exclusive: false }],
    ['perpetual', { spanSec: 0 }],
  ];

  test.each(kinds)('a %s admits calls without a voucher; receipt and stored answer as ever', async (kind, more) => {
    const licence = await buy({ kind, ...more });
    const callId = randomBytes(32);
    const first = await say(licence, `by ${kind}`, callId);
    expect(first.error).toBeUndefined();
    expect(textOf(first.bytes)).toBe(`by ${kind}`);
    const { receipt } = first;
    expect(receipt).toMatchObject({ amount: 0n, units: 1n, asset: listing.asset, tenure: 1, outcome: 'complete' });
    expect(receipt!.account).toEqual(Buffer.from(licence.id));
    const hash = signingHash(escrowDomain(domainOf(chain)), hashReceipt(receipt!));
    expect(recover(hash, receipt!.signature)?.equals(service.operator.address)).toBe(true);
    const again = await say(licence, `by ${kind}`, callId);
    expect([again.bytes, again.receipt]).toEqual([first.bytes, receipt]);
    expect(service.calls.filter((each) => each === `by ${kind}`)).toHaveLength(1);
    expect(await rowOf(licence)).toMatchObject({ spent: kind === 'pass' ? 1n : 0n, counted: kind === 'pass' });
  });

  test('metered methods count their units in the receipt and cost nothing', async () => {
    const licence = await buy();
    const request = text('twenty-one characters');
    const payment = licence.use(licensedCall(listing, COUNT, request));
    const { receipt } = await callLicensed(service.client, `/${COUNT}`, request, payment);
    expect(receipt).toMatchObject({ units: 21n, amount: 0n });
  });

  test('a stream takes one call of a pass, and is sent again from the ledger', async () => {
    const licence = await pass(1n);
    const request = text('one two three');
    const payment = licence.use(licensedCall(listing, FLOW, request));
    const read = async () => {
      const stream = streamRaw(service.client, `/${FLOW}`, request, { metadata: licenceMetadata(payment) });
      const words: string[] = [];
      for await (const bytes of stream) words.push(textOf(bytes));
      return { words, ...readTrailers((await stream.status).trailers) };
    };
    const first = await read();
    expect(first).toMatchObject({ words: ['one', 'two', 'three'], receipt: { amount: 0n, outcome: 'complete' } });
    expect(await read()).toMatchObject({ words: first.words, receipt: { amount: 0n } });
    expect(await rowOf(licence)).toMatchObject({ spent: 1n });
    expect(await reasonOf(say(licence, 'one more'))).toBe('LICENCE_USED_UP');
  });

  test('a pass at its last calls under 16 concurrent calls, over two replicas, serves exactly its count', async () => {
    const licence = await pass(5n);
    const replies = await Promise.all(
      Array.from({ length: 16 }, (_, i) => say(licence, `race ${i}`, undefined, 5n, i % 2 ? service : replica)),
    );
    const served = replies.filter(({ error }) => error === undefined);
    expect(served).toHaveLength(5);
    for (const { error, outcome } of replies.filter((reply) => reply.error !== undefined))
      expect([error!.reason, outcome]).toEqual(['LICENCE_USED_UP', 'not-charged']);
    expect(await rowOf(licence)).toMatchObject({ spent: 5n, authorised: 5n });
    expect(await reasonOf(say(licence, 'late', undefined, 5n))).toBe('LICENCE_USED_UP');
  });

  test('concurrent calls over two replicas serve no more than was signed for', async () => {
    const licence = await pass(40n);
    const replies = await Promise.all(
      Array.from({ length: 16 }, (_, i) => say(licence, `signed ${i}`, undefined, 5n, i % 2 ? service : replica)),
    );
    expect(replies.filter(({ error }) => error === undefined)).toHaveLength(5);
    expect(replies.filter(({ error }) => error?.reason === 'UNDERPAID')).toHaveLength(11);
    expect(await rowOf(licence)).toMatchObject({ spent: 5n, authorised: 5n });
  });

  test('a pass serves no more than was signed for, and a failed call counts nothing', async () => {
    const licence = await pass(4n);
    expect((await say(licence, 'first', undefined, 1n)).error).toBeUndefined();
    const unsigned = await say(licence, 'second', undefined, 1n);
    expect(unsigned.error).toMatchObject({ reason: 'UNDERPAID', details: { used: '1', signed: '1', calls: '4' } });
    expect((await say(licence, 'second', undefined, 2n)).error).toBeUndefined();
    expect(await reasonOf(say(licence, 'too high', undefined, 5n))).toBe('LICENCE_USED_UP');
    const request = text('bad');
    const payment = licence.use(licensedCall(listing, SAY, request), 3n);
    service.handlers.say = () => {
      throw new Error('broken');
    };
    const failed = await callLicensed(service.client, `/${SAY}`, request, payment);
    service.handlers.say = (what) => what;
    expect([failed.outcome, failed.receipt]).toEqual(['not-charged', undefined]);
    expect(await rowOf(licence)).toMatchObject({ spent: 2n });
  });

  test('a use buys nothing but the call it was signed for', async () => {
    const licence = await buy();
    const request = text('mine');
    const call = licensedCall(listing, SAY, request);
    const payment = licence.use(call);
    const send = (at: PaidService, method: string, bytes: Uint8Array, paid = payment) =>
      callLicensed(at.client, `/${method}`, bytes, paid);
    // On another request, method, service and licence; with anything of it changed; by another key.
    expect((await send(service, SAY, text('yours'))).error?.reason).toBe('REQUEST_MISMATCH');
    expect((await send(service, COUNT, request)).error?.reason).toBe('REQUEST_MISMATCH');
    expect((await send(other, SAY, request)).error?.reason).toBe('LISTING_UNKNOWN');
    const mine = await buy();
    expect((await send(service, SAY, request, { ...payment, licenceId: mine.id })).error?.reason).toBe('BAD_SIGNATURE');
    expect((await send(service, SAY, request, { ...payment, uses: 1n })).error?.reason).toBe('BAD_SIGNATURE');
    const id = { ...payment, call: { ...call, callId: randomBytes(32) } };
    expect((await send(service, SAY, request, id)).error?.reason).toBe('BAD_SIGNATURE');
    mine.key = newKey();
    expect(await reasonOf(say(mine, 'stolen'))).toBe('BAD_SIGNATURE');
    const priced = licence.use({ ...call, maxAmount: 5n });
    expect((await send(service, SAY, request, priced)).error?.reason).toBe('PAYMENT_MALFORMED');
    // Nothing of all that was written, and the one call it was signed for is served.
    const ids = [licence.id, mine.id].map((each) => Buffer.from(each));
    const { rows } = await service.pool.query('select 1 from provider.call where channel = any($1)', [ids]);
    expect([rows, await rowOf(licence), await rowOf(mine)]).toEqual([[], undefined, undefined]);
    expect((await send(service, SAY, request)).error).toBeUndefined();
    expect(service.calls).not.toContain('stolen');
  });

  test('a licence of another asset, or one that the chain does not know, admits nothing', async () => {
    const foreign = await buyLicence(chain, { owner, buyer, listing: other.listing });
    expect((await say(foreign, 'foreign')).error).toMatchObject({
      reason: 'LICENCE_FOREIGN',
      details: { asset: String(other.listing.asset), tenure: '1' },
    });
    expect(await rowOf(foreign)).toBeUndefined();
    foreign.id.set(randomBytes(32));
    expect(await reasonOf(say(foreign, 'unknown'))).toBe('LICENCE_UNKNOWN');
    expect(await rowOf(foreign)).toBeUndefined();
  });

  test('a call id is one call: another commitment under it is refused, on every replica', async () => {
    const licence = await pass(9n);
    const callId = randomBytes(32);
    expect((await say(licence, 'one', callId)).error).toBeUndefined();
    expect(await reasonOf(say(licence, 'two', callId))).toBe('CALL_ID_REUSED');
    expect(await reasonOf(say(licence, 'two', callId, undefined, replica))).toBe('CALL_ID_REUSED');
    expect(textOf((await say(licence, 'one', callId, undefined, replica)).bytes)).toBe('one');
    const same = randomBytes(32);
    const twice = await Promise.all([say(licence, 'same', same, 9n), say(licence, 'same', same, 9n, replica)]);
    expect(new Set(twice.map(({ bytes, error }) => (error ? error.reason : textOf(bytes)))).has('same')).toBe(true);
    // Whoever lost the race is told the stored answer: one call was counted.
    expect(await rowOf(licence)).toMatchObject({ spent: 2n });
    const id = randomBytes(32);
    const second = await pass(1n);
    expect((await say(second, 'in a scope of its own', callId)).error).toBeUndefined();
    expect((await say(licence, 'in a scope of its own', id, 9n)).error).toBeUndefined();
  });

  test('revocation takes effect within the time for which the chain is believed; what was answered stays answered', async () => {
    const licence = await buy({ kind: 'rental', refundable: true, revocable: true });
    const callId = randomBytes(32);
    expect((await say(licence, 'before', callId)).error).toBeUndefined();
    await send(owner, chain.licences.revoke(licence.id));
    const revokedAtMs = performance.now();
    let reply = await say(licence, 'after');
    while (reply.error === undefined) {
      expect(performance.now() - revokedAtMs).toBeLessThan(20_000); // 200 ms, and what a loaded machine adds
      reply = await say(licence, 'after');
    }
    expect(reply.error).toMatchObject({ reason: 'LICENCE_ENDED', details: { end: 'revoked' } });
    expect(reply.outcome).toBe('not-charged');
    expect(textOf((await say(licence, 'before', callId)).bytes)).toBe('before');
  });

  test('a refunded pass, a transferred licence and one without a signer each say what they are', async () => {
    const refunded = await buy({ refundable: true });
    await say(refunded, 'once');
    await send(buyer, chain.licences.refund(refunded.id));
    await untilRefused(refunded, 'LICENCE_ENDED');
    expect((await say(refunded, 'x')).error?.details).toMatchObject({ end: 'refunded' });

    const handed = await buy({ transferable: true });
    await say(handed, 'mine');
    await send(buyer, chain.licences.transfer(handed.id, buyer.address, owner.address));
    await untilRefused(handed, 'LICENCE_SEALED');
    const oldKey = handed.key;
    handed.key = newKey();
    await send(owner, chain.licences.setSigner(handed.id, handed.key.address));
    // A new signer is read at once, the old one is nobody.
    expect((await say(handed, 'theirs')).error).toBeUndefined();
    handed.key = oldKey;
    expect(await reasonOf(say(handed, 'mine again'))).toBe('BAD_SIGNATURE');
  });

  const sealing = async (licence: HeldLicence, uses = 0n, key = licence.key) => {
    const request = { licenceId: licence.id, uses, signerNumber: 1, deadlineSec: (await chain.nowSec()) + 600 };
    const signature = key.sign(signingHash(escrowDomain(domainOf(chain)), hashCount(request)));
    const client = typedClient(PaymentsDefinition, service.client);
    return readCount((await client.countUses({ request: writeCount({ ...request, signature }) })).count);
  };

  test('a pass is sealed at what was served: then it is refunded, or goes on with another signer', async () => {
    const licence = await pass(5n, { refundable: true, price: 1_000n });
    for (const what of ['a', 'b']) expect((await say(licence, what, undefined, 4n)).error).toBeUndefined();
    await expect(sealing(licence, 0n, newKey())).rejects.toMatchObject({ reason: 'BAD_SIGNATURE' });
    const count = await sealing(licence);
    expect(count).toMatchObject({ uses: 2n, signerNumber: 1 });
    // Sealed on both replicas, whatever the other one had in memory.
    for (const at of [service, replica])
      expect(await reasonOf(say(licence, 'c', undefined, 4n, at))).toBe('LICENCE_SEALED');
    await send(buyer, chain.licences.seal(licence.id, count));
    expect(await reasonOf(say(licence, 'c', undefined, 4n))).toBe('LICENCE_SEALED');
    const [oldKey, key] = [licence.key, newKey()];
    await send(buyer, chain.licences.setSigner(licence.id, key.address));
    licence.key = key;
    // The new key signs from where the count stands; what the old one signed for is worth nothing.
    expect(await reasonOf(say(licence, 'c', undefined, 2n))).toBe('UNDERPAID');
    expect(await rowOf(licence)).toMatchObject({ spent: 2n, authorised: 2n, voucher: undefined });
    expect((await say(licence, 'c', undefined, 3n)).error).toBeUndefined();
    expect(await rowOf(licence)).toMatchObject({ spent: 3n, authorised: 3n, signerNumber: 2, claimed: 2n });
    licence.key = oldKey;
    expect(await reasonOf(say(licence, 'd', undefined, 5n))).toBe('BAD_SIGNATURE');
  });

  test('its signer learns what became of a call, and voids one that never began: its id is served no more', async () => {
    const licence = await pass(3n);
    const ask = licenceQuestions(service.client, licence);
    const [served, lost] = [randomBytes(32), randomBytes(32)];
    const { receipt } = await say(licence, 'served', served);
    const { state, receipt: again } = await ask.getCall(served);
    expect([state, readReceipt(again)]).toEqual([CallState.CALL_STATE_CHARGED, receipt]);
    expect(await ask.void(served)).toMatchObject({ void: undefined, receipt: { callId: Buffer.from(served) } });

    expect(await ask.getCall(lost)).toMatchObject({ state: CallState.CALL_STATE_ABSENT });
    const voided = readVoid((await ask.void(lost)).void);
    const hash = signingHash(escrowDomain(domainOf(chain)), hashVoid(voided));
    expect([voided.account, recover(hash, voided.signature)]).toEqual([
      Buffer.from(licence.id),
      Buffer.from(service.operator.address),
    ]);
    for (const at of [service, replica]) {
      const late = await say(licence, 'lost', lost, 2n, at);
      expect([late.error?.reason, late.outcome]).toEqual(['CALL_VOID', 'not-charged']);
    }
    expect(await ask.getCall(lost)).toMatchObject({ state: CallState.CALL_STATE_VOID, void: writeVoid(voided) });
    expect(service.calls).not.toContain('lost');
    expect(await rowOf(licence)).toMatchObject({ spent: 1n });
  });

  test('a call that is voided while it is served is not charged', async () => {
    const licence = await pass(3n);
    const callId = randomBytes(32);
    const ask = licenceQuestions(service.client, licence);
    let served: Promise<unknown> | undefined;
    service.handlers.say = async (what) => {
      served = ask.getCall(callId).then(async (running) => [running.state, (await ask.void(callId)).void?.callId]);
      await served;
      return what;
    };
    const reply = await say(licence, 'meanwhile', callId);
    service.handlers.say = (what) => what;
    expect(await served).toEqual([CallState.CALL_STATE_SERVING, Buffer.from(callId)]);
    expect([reply.error?.reason, reply.receipt]).toEqual(['CALL_VOID', undefined]);
    expect(await rowOf(licence)).toMatchObject({ spent: 0n });
  });

  test('strangers learn and void nothing, and the last signer only learns', async () => {
    const licence = await pass(3n, { transferable: true });
    const callId = randomBytes(32);
    await say(licence, 'mine', callId);
    const stranger = licenceQuestions(service.client, licence, newKey());
    for (const question of [() => stranger.getCall(callId), () => stranger.void(randomBytes(32))])
      await expect(question()).rejects.toMatchObject({ reason: 'BAD_SIGNATURE' });
    await send(buyer, chain.licences.seal(licence.id, await sealing(licence)));
    await send(buyer, chain.licences.transfer(licence.id, buyer.address, owner.address));
    await untilRefused(licence, 'LICENCE_SEALED');
    const last = licenceQuestions(service.client, licence);
    expect(await last.getCall(callId)).toMatchObject({ state: CallState.CALL_STATE_CHARGED });
    await expect(last.void(randomBytes(32))).rejects.toMatchObject({ reason: 'BAD_SIGNATURE' });
    const { rows } = await service.pool.query(`select 1 from provider.call where channel = $1 and state = 'VOID'`, [
      Buffer.from(licence.id),
    ]);
    expect(rows).toEqual([]);
  });

  test('T66 strangers use up nobody else’s turns to ask', async () => {
    const licence = await pass(3n);
    const callId = randomBytes(32);
    await say(licence, 'mine', callId);
    const stranger = licenceQuestions(service.client, licence, newKey());
    const asked = await Promise.allSettled(Array.from({ length: 260 }, () => stranger.getCall(callId)));
    const reasons = asked.map((each) => (each.status === 'rejected' ? each.reason.reason : 'answered'));
    expect(new Set(reasons)).toEqual(new Set(['BAD_SIGNATURE']));
    const holder = licenceQuestions(service.client, licence);
    expect(await holder.getCall(callId)).toMatchObject({ state: CallState.CALL_STATE_CHARGED });
  });

  test('T66 strangers who name a licence in use ask the chain as seldom as others, and keep its signer from nothing', async () => {
    const guarded = await startPaidService({
      chain,
      databaseUrl: await createDatabase(),
      listing,
      operator: service.operator,
      limits: { newChannelsPerSec: 0, newChannelBurst: 3, licenceMs: 0 },
    });
    const licence = await buy();
    const mine = () => reasonOf(say(licence, 'mine', undefined, undefined, guarded));
    const theirs = () =>
      reasonOf(say(new HeldLicence(chain, licence.id, newKey(), false), 'theirs', undefined, undefined, guarded));
    try {
      expect(await mine()).toBeUndefined();
      const reasons = [];
      for (let i = 0; i < 5; i++) reasons.push(await theirs());
      expect(reasons).toEqual(['BAD_SIGNATURE', 'BAD_SIGNATURE', 'OVERLOADED', 'OVERLOADED', 'OVERLOADED']);
      expect(await mine()).toBeUndefined();
    } finally {
      await guarded.stop();
    }
  });

  test('who has a receipt learns where it is anchored, also when others hold the licence by then', async () => {
    const licence = await buy({ transferable: true });
    const { receipt } = await say(licence, 'to be proven');
    const payments = typedClient(PaymentsDefinition, service.client);
    const placeOf = (change: Partial<Signed<Receipt>> = {}) =>
      payments.getProof({ receipt: writeReceipt({ ...receipt!, ...change }) });
    expect(await placeOf()).toEqual({ epoch: 0n, siblings: [], bySec: 0n, unpaid: false });
    await send(buyer, chain.licences.transfer(licence.id, buyer.address, owner.address));
    await send(owner, chain.licences.setSigner(licence.id, newKey().address));
    await untilRefused(licence, 'BAD_SIGNATURE');
    const settling = await startSettler(chain, service, operatorWallet, { everyMs: 3_600_000 });
    onEnd(() => settling.stop());
    await settling.settler.anchorNow();
    const { epoch, siblings } = await placeOf();
    const receiptDigest = signingHash(escrowDomain(domainOf(chain)), hashReceipt(receipt!));
    const anchor = new Anchor(chain.deployment.anchor, chain.provider);
    expect(await anchor.verify(listing.asset, 1, epoch, { receiptDigest, amount: 0n }, siblings)).toBe(true);
    await expect(placeOf({ units: 2n })).rejects.toMatchObject({ reason: 'BAD_SIGNATURE' });
    await expect(placeOf({ asset: 99n })).rejects.toMatchObject({ reason: 'WRONG_TERMS' });
  });

  test('a seal that is never used lets the pass go on after its deadline', async () => {
    const licence = await pass(5n);
    await say(licence, 'a');
    const { deadlineSec } = await sealing(licence);
    expect(await reasonOf(say(licence, 'b'))).toBe('LICENCE_SEALED');
    await chain.provider.send('evm_setNextBlockTimestamp', [deadlineSec]);
    await chain.provider.send('evm_mine', []);
    expect(await reasonOf(say(licence, 'b'))).toBe('LICENCE_SEALED');
    await chain.advance(2);
    expect((await say(licence, 'b', undefined, 2n)).error).toBeUndefined();
    const subscription = await buy();
    await say(subscription, 'a');
    await expect(sealing(subscription)).rejects.toMatchObject({ reason: 'INVALID_INPUT' });
  });

  test('T23 a licence that the second node does not show admits nothing', async () => {
    const wire = await startRpcProxy(chain.rpcUrl);
    const witness = await connectChain(wire.url);
    onEnd(() => witness.destroy());
    const { operator } = service;
    const watched = await startPaidService({ chain, databaseUrl: await createDatabase(), listing, operator, witness });
    onEnd(() => watched.stop());
    const licence = await buy();
    wire.distort((method, answer) =>
      method === 'eth_call' ? answer.replace(/0x[0-9a-f]+/, `0x${'0'.repeat(14 * 64)}`) : answer,
    );
    expect(await reasonOf(say(licence, 'forged', undefined, 0n, watched))).toBe('CHAIN_UNAVAILABLE');
    wire.distort((_, answer) => answer);
    expect((await say(licence, 'shown', undefined, 0n, watched)).error).toBeUndefined();
  });

  /** Not longer than what the chain said is believed. */
  async function untilRefused(licence: HeldLicence, reason: string): Promise<void> {
    for (const untilMs = performance.now() + 20_000; ; ) {
      const found = await reasonOf(say(licence, 'x'));
      if (found === reason) return;
      expect([found, performance.now() < untilMs]).toEqual([undefined, true]);
    }
  }

  // Last: it moves the chain's clock.
  test('a licence that has run out admits nothing, and one that was renewed goes on', async () => {
    const [short, renewed] = [await buy({ spanSec: 3_600 }), await buy({ spanSec: 3_600 })];
    expect((await say(short, 'in time')).error).toBeUndefined();
    expect((await say(renewed, 'in time')).error).toBeUndefined();
    const { validUntilSec } = await chain.licences.state(renewed.id);
    await send(buyer, chain.token.mint(buyer.address, 100_000n));
    await send(buyer, chain.token.approve(chain.licences.address, 100_000n));
    const { digest } = service;
    await send(buyer, chain.licences.renewTo(renewed.id, digest, validUntilSec! + 2 * 3_600));
    await chain.advance(3_601);
    await untilRefused(short, 'LICENCE_EXPIRED');
    expect((await say(short, 'late')).error?.details).toMatchObject({ validUntilSec: expect.any(String) });
    expect((await say(renewed, 'later')).error).toBeUndefined();
    expect(service.errors).toEqual([]);
    await chain.advance(DAY);
  });
});
