import { randomBytes, randomInt } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Wallet } from 'ethers';
import { send } from '#contracts/chain.js';
import { connectChain } from '#contracts/chain-provider.js';
import { WeftError } from '#core/errors.js';
import { LocalWallet } from '#payments/payer/local-wallet.js';
import { connect } from '#payments/rpc/connect.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { startCutWire } from '#test/support/cut-wire.js';
import { createDatabase } from '#test/support/database.js';
import { publishEcho, SAY, startPaidService, text } from '#test/support/paid-service.js';
import { callPaid } from '#test/support/paying.js';
import { seeded } from '#test/support/seeded.js';
import { startSettler } from '#test/support/settling.js';
import { pinOf, quoteOf, requestOf, walletOptions } from '#test/support/wallets.js';

const QUOTES = 4;
const CALLS = 8;

/** Whatever is asked at a port is done there, and every so often its answer is lost with the connection. */
describe('done, and said to have failed', () => {
  let chain: Chain;
  const seed = Number(process.env['WEFT_SEED'] ?? randomInt(2 ** 31));

  beforeAll(async () => {
    chain = await startChain();
    console.log(`faults by seed ${seed}`);
  });

  afterAll(async () => {
    await chain?.stop();
  });

  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  test.each([
    ["the payer's chain", 3, 0.1],
    ["the payer's PostgreSQL", 5, 0.03],
    ["the provider's chain", 4, 0.1],
    ["the provider's PostgreSQL", 6, 0.03],
    ['the service', 7, 0.2],
  ])(
    'T32 I7 by %s: each call is charged once, and payer, provider and chain agree',
    async (port, account, rate) => {
      const random = seeded(seed);
      let on = false;
      let seen = 0;
      let broken = 0;
      const breaks = () => {
        // The third for certain, so that no seed goes without.
        if (!on || (++seen !== 3 && random() > rate)) return false;
        broken += 1;
        return true;
      };
      /** The URL, or one that leads there over a wire that breaks. */
      const wired = async (at: string, url: string): Promise<string> => {
        if (at !== port) return url;
        const to = new URL(url);
        to.host = await startCutWire(to.host, breaks);
        return to.href;
      };
      const rpcUrl = await wired("the provider's chain", chain.rpcUrl);
      const provider = await connectChain(rpcUrl);
      ends.push(() => provider.destroy());
      const link = { ...chain, rpcUrl, provider };
      const sold = await publishEcho(chain);
      const databaseUrl = await wired("the provider's PostgreSQL", await createDatabase());
      const service = await startPaidService({ chain: link, databaseUrl, ...sold });
      ends.push(() => service.stop());
      service.pool.on('error', () => {});
      const operator = new Wallet(sold.operatorWallet.privateKey, provider);
      const settling = await startSettler(link, service, operator, { everyMs: 50, policy: { amount: 1n } });
      ends.push(() => settling.stop());
      const { host } = new URL(await wired('the service', `grpc://${service.app.address}`));
      const client = connect(host);
      ends.push(() => client.close());
      const payerChain = { ...chain, rpcUrl: await wired("the payer's chain", chain.rpcUrl) };
      const payerDatabase = await wired("the payer's PostgreSQL", await createDatabase());
      const options = walletOptions(payerChain, payerDatabase, { account });
      await send(chain.account(account), chain.token.mint(options.key.address, 1_000_000n));
      const wallet = await LocalWallet.open(options);
      ends.push(() => wallet.close());

      /** As any client does: whatever may pass is tried again. */
      async function persist<T>(work: () => Promise<T>): Promise<T> {
        for (;;) {
          try {
            return await work();
          } catch (error) {
            const { retryable, reason } = WeftError.from(error);
            expect([reason, retryable]).toEqual([reason, true]);
          }
        }
      }
      const paid = async (quoteId: Uint8Array) => {
        const request = text(randomBytes(8).toString('hex'));
        const asked = requestOf(quoteId, request);
        await persist(async () => {
          const { payment } = await wallet.reserve(asked);
          const reply = await callPaid(client, `/${SAY}`, request, payment, { deadlineMs: 5_000 });
          if (reply.receipt !== undefined) return await wallet.settle(asked.callId, { receipt: reply.receipt });
          await wallet.settle(asked.callId, reply.outcome === 'not-charged' ? 'not-charged' : 'unclear');
          throw reply.error;
        });
      };
      on = true;
      for (let i = 0; i < QUOTES; i++) {
        const quote = quoteOf([pinOf({ ...sold, app: { address: host } }, { calls: CALLS })]);
        await persist(() => wallet.openQuote(quote));
        await Promise.all(Array.from({ length: CALLS }, () => paid(quote.quoteId)));
        await persist(() => wallet.closeQuote(quote.quoteId));
      }
      on = false;
      expect(broken).toBeGreaterThan(0);

      const spent = 100n * BigInt(QUOTES * CALLS);
      await persist(() => wallet.sweep());
      await persist(() => settling.settler.settleNow());
      // An opening of which no answer came is found again, and not made twice.
      const channels = (await persist(() => wallet.channels())).filter(({ open }) => open);
      expect(channels).toHaveLength(1);
      const charged = { settled: 0n, spent: 0n, claimed: 0n, calls: 0n };
      for (const { channelId, settled, reserved, deposited } of channels) {
        const row = await persist(() => service.ledger.channel(channelId));
        const onChain = await chain.escrow.channel(channelId);
        charged.settled += settled;
        charged.spent += row?.spent ?? 0n;
        charged.calls += row?.calls ?? 0n;
        charged.claimed += onChain.claimed;
        expect({ reserved, deposited }).toEqual({ reserved: 0n, deposited: onChain.deposited });
      }
      expect(charged).toEqual({ settled: spent, spent, claimed: spent, calls: BigInt(QUOTES * CALLS) });
      expect((await chain.escrow.income(sold.asset, 1)).earned).toBe(spent);
    },
    120_000,
  );
});
