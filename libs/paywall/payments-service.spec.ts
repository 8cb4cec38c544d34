import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Wallet } from 'ethers';
import { Anchor } from '#contracts/anchor.js';
import { send } from '#contracts/chain.js';
import { connectChain } from '#contracts/chain-provider.js';
import { recover } from '#payments/signature.js';
import { escrowDomain, hashClose, hashStatement, hashVoid, signingHash } from '#payments/typed-data.js';
import { readClose, readPayment, readReceipt, readStatement, readVoid, writePayment } from '#payments/wire.js';
import { CallState, Receipt } from '#protos/weft/payment/v1/payment.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { type PaidService, publishEcho, SAY, startPaidService, text } from '#test/support/paid-service.js';
import { callPaid, newKey, newTerms, openChannel, PayingChannel } from '#test/support/paying.js';
import { questions } from '#test/support/payments-questions.js';
import { startRpcProxy } from '#test/support/rpc-proxy.js';
import { startSettler } from '#test/support/settling.js';

const now = () => Math.floor(Date.now() / 1000);

describe('weft.payment.v1.Payments', () => {
  let chain: Chain;
  let service: PaidService;
  let asset: bigint;
  let operatorWallet: Wallet;
  let held = Promise.resolve();

  beforeAll(async () => {
    chain = await startChain();
    const echo = await publishEcho(chain);
    ({ asset, operatorWallet } = echo);
    service = await startPaidService({
      chain,
      databaseUrl: await createDatabase(),
      ...echo,
      handlers: {
        say: async (words) => {
          await held;
          return words;
        },
      },
    });
    await chain.fund(chain.account(2), 10_000_000n);
  });

  afterAll(async () => {
    await service?.stop();
    await chain?.stop();
  });

  const open = () => openChannel(chain, chain.account(2), asset, 100_000n);
  const request = text('hello');

  async function pay(channel: PayingChannel, provider = service, callId?: Uint8Array) {
    const call = provider.call(SAY, request, 100n, callId);
    const reply = await callPaid(provider.client, `/${SAY}`, request, channel.pay(call));
    return { call, reply };
  }

  const signerOf = (channel: PayingChannel, hash: Uint8Array, signature: Uint8Array) =>
    recover(signingHash(escrowDomain(channel.domain), hash), signature);

  const rows = async () =>
    (
      await service.pool.query(
        'select (select count(*) from provider.call) as calls, (select count(*) from provider.channel) as channels',
      )
    ).rows[0];

  test('states what a channel has spent, with the highest voucher', async () => {
    const channel = await open();
    await pay(channel);
    await pay(channel);
    const answer = await questions(service.client, channel).getChannel();
    const statement = readStatement(answer.statement);
    expect(statement).toMatchObject({ authorised: 200n, spent: 200n, calls: 2n });
    expect(signerOf(channel, hashStatement(statement), statement.signature)).toEqual(service.operator.address);
    expect(readPayment(answer.highest)).toMatchObject({ cumulative: 200n, terms: channel.terms });
  });

  test('answers for a channel that it has not seen yet', async () => {
    const channel = await open();
    const answer = await questions(service.client, channel).getChannel();
    expect(answer).toMatchObject({ statement: { authorised: '0', spent: '0', calls: 0n } });
    expect(answer.highest).toBeUndefined();
  });

  test('says what became of a call', async () => {
    const channel = await open();
    const ask = questions(service.client, channel);
    const { call, reply } = await pay(channel);
    const charged = await ask.getCall(call.callId);
    expect(charged.state).toBe(CallState.CALL_STATE_CHARGED);
    expect(readReceipt(charged.receipt)).toEqual(reply.receipt);
    expect((await ask.getCall(randomBytes(32))).state).toBe(CallState.CALL_STATE_ABSENT);
  });

  test('hands out the proof of a receipt, and says by when while there is none', async () => {
    const own = await startPaidService({
      chain,
      databaseUrl: await createDatabase(),
      listing: service.listing,
      operator: service.operator,
      anchorAfterSec: 600,
    });
    const channel = await openChannel(chain, chain.account(2), asset, 10_000n);
    const ask = questions(own.client, channel);
    const calls = [await pay(channel, own), await pay(channel, own), await pay(channel, own)];
    const [{ call, reply }] = calls as [(typeof calls)[0]];
    const bySec = BigInt(reply.receipt!.servedAtSec) + 600n;
    expect(await ask.getProof(call.callId)).toEqual({ epoch: 0n, siblings: [], bySec, unpaid: false });
    const { settler, stop } = await startSettler(chain, own, operatorWallet, { everyMs: 3_600_000 });
    const [anchored] = await settler.anchorNow();
    const anchor = new Anchor(chain.deployment.anchor, chain.provider);
    for (const { call, reply } of calls) {
      const { epoch, siblings } = await ask.getProof(call.callId);
      expect(epoch).toBe(anchored!.epoch);
      const leaf = { receiptDigest: channel.hashOfReceipt(reply.receipt!), amount: 100n };
      expect(await anchor.verify(asset, 1, epoch, leaf, siblings)).toBe(true);
    }
    await expect(ask.getProof(randomBytes(32))).rejects.toMatchObject({ reason: 'NOT_FOUND' });
    const other = await openChannel(chain, chain.account(2), asset, 10_000n);
    const stranger = questions(own.client, other);
    await expect(stranger.getProof(call.callId)).rejects.toMatchObject({ reason: 'NOT_FOUND' });
    await stop();
    await own.stop();
  });

  test('a provider that does not anchor says so', async () => {
    const channel = await open();
    const { call } = await pay(channel);
    expect(await questions(service.client, channel).getProof(call.callId)).toMatchObject({ epoch: 0n, bySec: 0n });
  });

  test('void answers with the receipt of a charged call, and with a lasting Void for any other', async () => {
    const channel = await open();
    const ask = questions(service.client, channel);
    const { call, reply } = await pay(channel);
    expect(readReceipt((await ask.void(call.callId)).receipt)).toEqual(reply.receipt);
    const callId = randomBytes(32);
    const first = readVoid((await ask.void(callId)).void);
    expect(first).toMatchObject({ callId: new Uint8Array(callId), account: new Uint8Array(channel.id) });
    expect(signerOf(channel, hashVoid(first), first.signature)).toEqual(service.operator.address);
    expect(readVoid((await ask.void(callId)).void)).toEqual(first);
    expect(readVoid((await ask.getCall(callId)).void)).toEqual(first);
    expect((await pay(channel, service, callId)).reply).toMatchObject({ error: { reason: 'CALL_VOID' } });
  });

  test('lists receipts in pages, oldest first', async () => {
    const channel = await open();
    const paid: string[] = [];
    for (let i = 0; i < 5; i++) paid.push(Buffer.from((await pay(channel)).call.callId).toString('hex'));
    await questions(service.client, channel).void(randomBytes(32));
    const listed: string[] = [];
    let token = '';
    const sizes: number[] = [];
    do {
      const page = await questions(service.client, channel).listReceipts(2, token);
      listed.push(...page.receipts.map(({ callId }) => Buffer.from(callId).toString('hex')));
      sizes.push(page.receipts.length);
      token = page.nextPageToken;
    } while (token !== '');
    expect(listed).toEqual(paid);
    expect(sizes).toEqual([2, 2, 1]);
  });

  describe('whoever asks proves to be the signer, before anything is looked up or written', () => {
    test.each([
      ['another key', 'BAD_SIGNATURE'],
      ['another chain', 'BAD_SIGNATURE'],
      ['an old proof', 'UNAUTHENTICATED'],
      ['a proof from the future', 'UNAUTHENTICATED'],
      ['no proof', 'INVALID_INPUT'],
      ['the proof of another channel', 'INVALID_INPUT'],
      ["an operator's statement", 'INVALID_INPUT'],
    ])('%s', async (what, reason) => {
      const channel = await open();
      await pay(channel);
      const other = await open();
      const ask = questions(service.client, channel);
      const { statement } = await ask.getChannel();
      const proofs = {
        'another key': () =>
          questions(service.client, new PayingChannel(channel.terms, newKey(), channel.domain)).proof(),
        'another chain': () =>
          signedElsewhere(
            new PayingChannel(channel.terms, channel.key, { ...channel.domain, chainId: 1n }),
            channel.id,
          ),
        'an old proof': () => ask.proof(now() - 400),
        'a proof from the future': () => ask.proof(now() + 400),
        'no proof': () => undefined,
        'the proof of another channel': () => questions(service.client, other).proof(),
        "an operator's statement": () => statement,
      };
      const proof = proofs[what as keyof typeof proofs]();
      const before = await rows();
      const { payments, terms } = ask;
      const callId = randomBytes(32);
      for (const question of [
        payments.getChannel({ terms, proof }),
        payments.getCall({ terms, callId, proof }),
        payments.getProof({ terms, callId, proof }),
        payments.listReceipts({ terms, proof }),
        payments.reconcile({ terms, proof, complete: true }),
      ])
        await expect(question).rejects.toMatchObject({ reason });
      expect(await rows()).toEqual(before);
    });

    function signedElsewhere(elsewhere: PayingChannel, channelId: Uint8Array) {
      const statement = { channelId, authorised: 0n, spent: 0n, calls: 0n, atSec: now() };
      const signature = elsewhere.sign(hashStatement(statement));
      return { ...statement, authorised: '0', spent: '0', atSec: BigInt(statement.atSec), signature };
    }

    test('a void, a wish to close or a voucher of a stranger changes nothing', async () => {
      const channel = await open();
      await pay(channel);
      const stranger = new PayingChannel(channel.terms, newKey(), channel.domain);
      const ask = questions(service.client, stranger);
      const before = await rows();
      await expect(ask.void(randomBytes(32))).rejects.toMatchObject({ reason: 'BAD_SIGNATURE' });
      await expect(ask.close(0n)).rejects.toMatchObject({ reason: 'BAD_SIGNATURE' });
      const forged = stranger.pay(service.call(SAY, request, 100n), 90_000n);
      await expect(ask.extend(forged)).rejects.toMatchObject({ reason: 'BAD_SIGNATURE' });
      expect(await rows()).toEqual(before);
      expect(await service.ledger.channel(channel.id)).toMatchObject({ state: 'OPEN', authorised: 100n });
    });

    test('a channel that is on no chain is not taken in', async () => {
      const key = newKey();
      const ghost = new PayingChannel(newTerms(randomBytes(20), key.address, asset), key, chainDomain());
      const before = await rows();
      await expect(questions(service.client, ghost).void(randomBytes(32))).rejects.toMatchObject({
        reason: 'CHANNEL_UNKNOWN',
      });
      expect(await rows()).toEqual(before);
    });

    const chainDomain = () => ({
      chainId: chain.deployment.chainId,
      verifyingContract: Buffer.from(chain.deployment.escrow.slice(2), 'hex'),
    });
  });

  test('T66 one channel cannot ask without end', async () => {
    const channel = await open();
    const ask = questions(service.client, channel);
    const answers = await Promise.allSettled(Array.from({ length: 1_000 }, () => ask.getCall(randomBytes(32))));
    const refused = answers.flatMap((each) => (each.status === 'rejected' ? [each.reason.reason] : []));
    expect(refused.length).toBeGreaterThan(0);
    expect(new Set(refused)).toEqual(new Set(['OVERLOADED']));
  });

  describe('closing', () => {
    test('freezes the channel for good and signs what the chain accepts', async () => {
      const channel = await open();
      await pay(channel);
      const close = readClose((await questions(service.client, channel).close(100n)).close);
      expect(close.spent).toBe(100n);
      expect(signerOf(channel, hashClose(close), close.signature)).toEqual(service.operator.address);
      expect((await pay(channel)).reply.error?.reason).toBe('CHANNEL_CLOSED');
      // Not only here: no process that works on this ledger charges anything more.
      expect(await service.ledger.channel(channel.id)).toMatchObject({ state: 'FROZEN', spent: 100n });
      const before = await chain.escrow.balanceOf(chain.account(2).address);
      await send(chain.account(2), chain.escrow.close(channel.terms, close));
      expect((await chain.escrow.balanceOf(chain.account(2).address)) - before).toBe(99_900n);
    });

    test('is refused while a call is being served', async () => {
      const channel = await open();
      await pay(channel);
      let release = () => {};
      held = new Promise((resolve) => {
        release = resolve;
      });
      const served = service.calls.length;
      const running = pay(channel);
      const ask = questions(service.client, channel);
      while (service.calls.length === served) await ask.getChannel();
      await expect(ask.close(100n)).rejects.toMatchObject({ reason: 'CALL_IN_FLIGHT' });
      release();
      expect((await running).reply.error).toBeUndefined();
      expect((await ask.close(100n)).close?.spent).toBe('200');
    });

    test('a wish past its deadline is refused', async () => {
      const channel = await open();
      const ask = questions(service.client, channel);
      await expect(ask.close(0n, now() - 10)).rejects.toMatchObject({ reason: 'UNAUTHENTICATED' });
      expect(await service.ledger.channel(channel.id)).toBeUndefined();
    });
  });

  describe('T25 a provider that has lost its ledger', () => {
    test('serves again once the payer has sent its receipts, and claims what it had earned', async () => {
      const channel = await open();
      const kept: Receipt[] = [];
      const calls = [];
      for (let i = 0; i < 3; i++) {
        const { call, reply } = await pay(channel);
        calls.push(call);
        kept.push(Receipt.decode(reply.trailers.get('weft-receipt-bin')[0] as Buffer));
      }
      const highest = writePayment(channel.pay(service.call(SAY, request, 100n), 300n));
      const reborn = await startPaidService({
        chain,
        databaseUrl: await createDatabase(),
        listing: service.listing,
        operator: service.operator,
      });
      try {
        const ask = questions(reborn.client, channel);
        expect((await pay(channel, reborn)).reply).toMatchObject({
          error: { reason: 'RECONCILE' },
          outcome: 'not-charged',
        });
        await expect(ask.close(0n)).rejects.toMatchObject({ reason: 'RECONCILE' });

        const forged = { ...kept[0]!, amount: '90000' };
        const { payments, terms } = ask;
        await expect(payments.reconcile({ terms, proof: ask.proof(), receipts: [forged] })).rejects.toMatchObject({
          reason: 'BAD_SIGNATURE',
        });
        await payments.reconcile({ terms, proof: ask.proof(), receipts: kept.slice(0, 2) });
        await payments.reconcile({ terms, proof: ask.proof(), receipts: kept.slice(1) });
        expect(await payments.reconcile({ terms, proof: ask.proof(), complete: true, highest })).toEqual({
          spent: '300',
        });
        expect(await reborn.ledger.channel(channel.id)).toMatchObject({ state: 'OPEN', spent: 300n, calls: 3n });

        const again = await callPaid(reborn.client, `/${SAY}`, request, channel.pay(calls[0]!, 300n));
        expect(again).toMatchObject({ error: { reason: 'RESPONSE_EXPIRED' }, outcome: 'charged' });
        expect((await pay(channel, reborn)).reply.error).toBeUndefined();
        const { settler, stop } = await startSettler(chain, reborn, operatorWallet, { everyMs: 3_600_000 });
        await settler.settleNow();
        await stop();
        expect((await chain.escrow.channel(channel.id)).claimed).toBe(400n);
      } finally {
        await reborn.stop();
      }
    });

    test('T66 asks the chain once about a key whose receipts it is shown, and about none when it has lost nothing', async () => {
      const { operator, listing } = await publishEcho(chain);
      const lost = await startPaidService({ chain, databaseUrl: await createDatabase(), listing, operator });
      const channel = await openChannel(chain, chain.account(2), listing.asset, 100_000n);
      const receipts: Receipt[] = [];
      for (let i = 0; i < 3; i++) {
        const { reply } = await pay(channel, lost);
        receipts.push(Receipt.decode(reply.trailers.get('weft-receipt-bin')[0] as Buffer));
      }
      const highest = writePayment(channel.pay(lost.call(SAY, request, 100n), 300n));
      await lost.stop();
      const next = newKey();
      await send(chain.account(1), chain.assets.setOperator(listing.asset, next.address));
      const wire = await startRpcProxy(chain.rpcUrl);
      const provider = await connectChain(wire.url);
      const reborn = await startPaidService({
        chain: { ...chain, provider, rpcUrl: wire.url },
        databaseUrl: await createDatabase(),
        listing,
        operator: next,
        limits: { standingMs: 3_600_000 },
      });
      try {
        const { payments, terms, proof, getChannel } = questions(reborn.client, channel);
        await getChannel();
        const asked = () => wire.seen.filter((method) => method === 'eth_call').length;
        let before = asked();
        const restored = await payments.reconcile({ terms, proof: proof(), receipts, complete: true, highest });
        expect([restored.spent, asked() - before]).toEqual(['300', 1]);
        before = asked();
        const forged = receipts.map((each, i) => ({ ...each, amount: String(i) }));
        const ignored = await payments.reconcile({ terms, proof: proof(), receipts: forged, complete: true });
        expect([ignored.spent, asked() - before]).toEqual(['300', 0]);
      } finally {
        await reborn.stop();
        provider.destroy();
      }
    });

    test('starts from what was claimed when the payer has nothing to send', async () => {
      const channel = await open();
      await pay(channel);
      const reborn = await startPaidService({
        chain,
        databaseUrl: await createDatabase(),
        listing: service.listing,
        operator: service.operator,
      });
      try {
        const ask = questions(reborn.client, channel);
        const { terms } = ask;
        expect(await ask.payments.reconcile({ terms, proof: ask.proof(), complete: true })).toEqual({ spent: '0' });
        expect((await pay(channel, reborn)).reply.error).toBeUndefined();
      } finally {
        await reborn.stop();
      }
    });
  });
});
