import { randomBytes } from 'node:crypto';
import { toQuantity } from 'ethers';
import pg from 'pg';
import { toHex } from '#core/hex.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { copyDatabase, createDatabase } from '#test/support/database.js';
import { onEnd } from '#test/support/on-end.js';
import { type PaidService, publishEcho, SAY, startPaidService, text, textOf } from '#test/support/paid-service.js';
import { callPaid } from '#test/support/paying.js';
import { startRpcProxy } from '#test/support/rpc-proxy.js';
import { giveMoney } from '#test/support/wallet-process.js';
import { payFor, pinOf, quoteOf, requestOf, walletOptions } from '#test/support/wallets.js';
import { LocalWallet, type LocalWalletOptions } from './local-wallet.js';
import type { ChannelRecord } from './wallet.js';

describe('I11 a ledger that was lost', () => {
  let chain: Chain;
  let published: Awaited<ReturnType<typeof publishEcho>>;
  let service: PaidService;
  let account = 10;

  beforeAll(async () => {
    chain = await startChain();
  });

  afterAll(() => chain.stop());

  /** A service of its own for each test, and a payer of its own. */
  async function setUp(): Promise<LocalWalletOptions> {
    published = await publishEcho(chain);
    await startService();
    const options = walletOptions(chain, await createDatabase(), { account: account++ });
    await giveMoney(chain, options.key.address, 1_000_000n);
    return options;
  }

  async function startService(): Promise<void> {
    const started = await startPaidService({ chain, databaseUrl: await createDatabase(), ...published });
    onEnd(() => started.stop().catch(() => {})); // some tests stop it themselves
    service = started;
  }

  async function open(options: LocalWalletOptions): Promise<LocalWallet> {
    const wallet = await LocalWallet.open(options);
    onEnd(() => wallet.close().catch(() => {}));
    return wallet;
  }

  async function openQuote(wallet: LocalWallet, quoteId: Uint8Array = randomBytes(32)): Promise<Uint8Array> {
    await wallet.openQuote(quoteOf([pinOf(service)], { quoteId }));
    return quoteId;
  }

  async function pay(wallet: LocalWallet, quoteId: Uint8Array, calls: number): Promise<void> {
    for (let i = 0; i < calls; i++) {
      const { state, reply } = await payFor(wallet, service, quoteId, text(`call ${i}`));
      expect([reply.error, state]).toEqual([undefined, 'SETTLED']);
    }
  }

  const channelOf = async (wallet: LocalWallet) => (await wallet.channels()).filter(({ open }) => open);

  async function expectEqual(wallet: LocalWallet, spent: bigint): Promise<void> {
    const [channel] = await channelOf(wallet);
    expect(channel?.settled).toBe(spent);
    expect((await service.ledger.channel(channel!.channelId))?.spent).toBe(spent);
  }

  it('is made again from the chain and what providers can show', async () => {
    const options = await setUp();
    const first = await open(options);
    await pay(first, await openQuote(first), 3);
    const [before] = await channelOf(first);
    await first.close();

    const second = await open({ ...options, databaseUrl: await createDatabase() });
    const [found] = await channelOf(second);
    // Until its provider has been asked nothing may be signed on it: all of it counts as signed.
    expect(found).toMatchObject({ channelId: before!.channelId, signed: before!.deposited, settled: 0n });
    const quoteId = await openQuote(second);
    const [after] = await channelOf(second);
    expect(after).toMatchObject({ channelId: before!.channelId, settled: 300n, signed: 300n });
    await pay(second, quoteId, 2);
    await expectEqual(second, 500n);
    expect(await channelOf(second)).toHaveLength(1);
  });

  it('T30 is the same when the chain tells of each channel twice, and in another order', async () => {
    const options = await setUp();
    const first = await open(options);
    await pay(first, await openQuote(first), 1);
    const other = await publishEcho(chain);
    await first.openQuote(quoteOf([pinOf({ ...other, app: service.app })]));
    const before = await channelOf(first);
    await first.close();
    const proxy = await startRpcProxy(chain.rpcUrl);
    proxy.distort((method, answer) => {
      if (method !== 'eth_getLogs') return answer;
      const { result, ...rest } = JSON.parse(answer) as { result: unknown[] };
      return JSON.stringify({ ...rest, result: [...result].reverse().concat(result) });
    });
    const second = await open({
      ...options,
      databaseUrl: await createDatabase(),
      chain: { ...options.chain, rpcUrl: proxy.url },
    });
    const found = await channelOf(second);
    expect(found.map(({ channelId }) => toHex(channelId)).sort()).toEqual(
      before.map(({ channelId }) => toHex(channelId)).sort(),
    );
    await pay(second, await openQuote(second), 1);
    expect((await channelOf(second)).find(({ terms }) => terms.asset === service.listing.asset)?.settled).toBe(200n);
  });

  it('T21 and channels that a reorganisation took from the chain come back', async () => {
    const options = await setUp();
    const wallet = await open(options);
    const quoteId = await openQuote(wallet);
    const [channel] = await channelOf(wallet);
    const opened = await chain.escrow.channel(channel!.channelId);
    expect(opened.status).toBe('open');
    for (let depth = 1; (await chain.escrow.channel(channel!.channelId)).status === 'open'; depth++)
      await chain.provider.send('anvil_reorg', [depth, []]);
    await wallet.sweep();
    while ((await chain.escrow.channel(channel!.channelId)).status !== 'open')
      await new Promise((resolve) => setTimeout(resolve, 20));
    await pay(wallet, quoteId, 1);
    await expectEqual(wallet, 100n);
  });

  it('T21 is searched for until what the chain shows is deep enough', async () => {
    const options = await setUp();
    const first = await open(options);
    await openQuote(first); // the newest block opens its channel
    const [before] = await channelOf(first);
    await first.close();
    const second = await open({
      ...options,
      databaseUrl: await createDatabase(),
      chain: { ...options.chain, confirmations: 1 },
      policy: { ...options.policy, resumeEveryMs: 0 },
    });
    expect(await channelOf(second)).toEqual([]);
    await chain.provider.send('evm_mine', []);
    for (; (await channelOf(second)).length === 0; await new Promise((resolve) => setTimeout(resolve, 20)))
      await second.sweep();
    expect(await channelOf(second)).toMatchObject([{ channelId: before!.channelId, signed: before!.deposited }]);
  });

  it('T23 is opened though the node tells of no old events now, and is made again when it does', async () => {
    const options = await setUp();
    const first = await open(options);
    await pay(first, await openQuote(first), 1);
    await first.close();
    const proxy = await startRpcProxy(chain.rpcUrl);
    proxy.distort((method, answer) => {
      if (method !== 'eth_getLogs') return answer;
      return JSON.stringify({
        ...JSON.parse(answer),
        result: undefined,
        error: { code: 4444, message: 'pruned history' },
      });
    });
    const warned: unknown[] = [];
    const second = await open({
      ...options,
      databaseUrl: await createDatabase(),
      chain: { ...options.chain, rpcUrl: proxy.url },
      policy: { ...options.policy, resumeEveryMs: 0 },
      warn: (_, { reason }) => warned.push(reason),
    });
    expect(warned).toEqual(['TRANSACTION_REVERTED']);
    expect(await channelOf(second)).toEqual([]);
    proxy.distort((_, answer) => answer);
    for (; (await channelOf(second)).length === 0; await new Promise((resolve) => setTimeout(resolve, 20)))
      await second.sweep();
    await pay(second, await openQuote(second), 1);
    await expectEqual(second, 200n);
  });

  it('T23 is not emptied by a node that is behind another at the same URL', async () => {
    const options = await setUp();
    const proxy = await startRpcProxy(chain.rpcUrl);
    let asked = 0;
    proxy.distort((method, answer) => {
      if (method !== 'eth_blockNumber' || asked++ % 2 === 0) return answer;
      const { result, ...rest } = JSON.parse(answer) as { result: string };
      return JSON.stringify({ ...rest, result: toQuantity(Number(result) - 4) });
    });
    const miner = setInterval(() => void chain.provider.send('evm_mine', []), 25);
    onEnd(() => clearInterval(miner));
    const wallet = await open({
      ...options,
      chain: { ...options.chain, rpcUrl: proxy.url, confirmations: 1 },
      policy: { ...options.policy, resumeEveryMs: 0 },
    });
    const quoteId = await openQuote(wallet);
    for (let i = 0; i < 4; i++) await wallet.sweep();
    await pay(wallet, quoteId, 1);
    const channels = await wallet.channels();
    expect(channels).toMatchObject([{ open: true, settled: 100n }]);
    expect(asked).toBeGreaterThan(4);
    clearInterval(miner);
  });

  it('is not mistaken for that of another wallet with the same key', async () => {
    const options = await setUp();
    const first = await open(options);
    await pay(first, await openQuote(first), 1);
    const other = await open({ ...options, databaseUrl: await createDatabase(), channelSeed: randomBytes(32) });
    expect(await channelOf(other)).toEqual([]);
    await pay(other, await openQuote(other), 1);
    expect((await channelOf(other))[0]!.channelId).not.toEqual((await channelOf(first))[0]!.channelId);
  });

  it('uses no channel whose provider does not answer, but another', async () => {
    const options = await setUp();
    const first = await open(options);
    await pay(first, await openQuote(first), 1);
    await first.close();
    const second = await open({ ...options, databaseUrl: await createDatabase() });
    const { address } = service.app;
    await service.app.close();
    const pins = [pinOf(service, { endpoints: [`grpc://${address}`] })];
    await second.openQuote(quoteOf(pins));
    expect(await channelOf(second)).toHaveLength(2);
  });

  it('and came back as an older copy does not sign the same money twice', async () => {
    const options = await setUp();
    const first = await open(options);
    const quoteId = await openQuote(first);
    await pay(first, quoteId, 2);
    await first.close();
    const copy = await copyDatabase(options.databaseUrl);
    const second = await open(options);
    await pay(second, quoteId, 3);
    const highest = (await channelOf(second))[0]!.signed;
    await second.close();

    const third = await open({ ...options, databaseUrl: copy });
    const { reservation, state } = await payFor(third, service, quoteId, text('again'));
    expect(state).toBe('SETTLED');
    expect(reservation.payment.cumulative).toBeGreaterThan(highest);
    await expectEqual(third, 600n);
  });

  it('and came back as an older copy finds the channels that were opened since', async () => {
    const options = await setUp();
    const first = await open(options);
    await pay(first, await openQuote(first), 1);
    await first.close();
    const copy = await copyDatabase(options.databaseUrl);
    published = await publishEcho(chain);
    await startService();
    const second = await open(options);
    await pay(second, await openQuote(second), 2);
    const ids = (channels: readonly ChannelRecord[]) => channels.map(({ channelId }) => toHex(channelId)).sort();
    const before = ids(await channelOf(second));
    await second.close();

    const third = await open({ ...options, databaseUrl: copy });
    const isNew = ({ terms }: ChannelRecord) => terms.asset === service.listing.asset;
    const found = (await channelOf(third)).find(isNew);
    expect(found).toMatchObject({ signed: found!.deposited, settled: 0n });
    await pay(third, await openQuote(third), 1);
    const after = await channelOf(third);
    expect(ids(after)).toEqual(before);
    expect(after.find(isNew)?.settled).toBe(300n);
    expect((await service.ledger.channel(found!.channelId))?.spent).toBe(300n);
  });

  it('by the provider is handed back to it', async () => {
    const options = await setUp();
    const wallet = await open(options);
    const quoteId = await openQuote(wallet);
    await pay(wallet, quoteId, 3);
    await service.stop();
    await startService();
    await openQuote(wallet, quoteId); // tells where the provider is now

    const [channel] = await channelOf(wallet);
    const callId = randomBytes(32);
    const { payment } = await wallet.reserve(requestOf(quoteId, text('4'), { callId }));
    const refused = await callPaid(service.client, `/${SAY}`, text('4'), payment);
    expect(refused.error?.reason).toBe('RECONCILE');
    await wallet.settle(callId, 'not-charged');
    await wallet.reconcile(channel!.channelId);
    const { reply, state } = await payFor(wallet, service, quoteId, text('4'), { callId });
    expect([textOf(reply.bytes), state]).toEqual(['4', 'SETTLED']);
    await expectEqual(wallet, 400n);
  });

  it('and whose sessions the database ended goes on', async () => {
    const options = await setUp();
    const wallet = await open(options);
    const quoteId = await openQuote(wallet);
    await pay(wallet, quoteId, 2);
    await endSessions(options.databaseUrl);
    await pay(wallet, quoteId, 2);
    const [channel] = await channelOf(wallet);
    await wallet.close();
    const again = await open(options);
    expect((await channelOf(again))[0]).toMatchObject({ settled: 400n, channelId: channel!.channelId });
    await expectEqual(again, 400n);
  });

  it('to another wallet signs nothing more', async () => {
    const options = await setUp();
    const first = await open(options);
    const quoteId = await openQuote(first);
    await pay(first, quoteId, 1);
    await expect(LocalWallet.open(options)).rejects.toMatchObject({ reason: 'LEDGER_IN_USE' });
    await endSessions(options.databaseUrl);
    const second = await open(options);
    // What the first had in hand lies below the ceiling that the second starts from.
    const late = await first.reserve(requestOf(quoteId, text('late')));
    const next = await second.reserve(requestOf(quoteId, text('next')));
    expect(next.payment.cumulative).toBeGreaterThanOrEqual(late.payment.cumulative);
    await expect(first.closeQuote(quoteId)).rejects.toMatchObject({ reason: 'LEDGER_IN_USE' });
    await expect(first.reserve(requestOf(quoteId, text('more')))).rejects.toMatchObject({ reason: 'LEDGER_IN_USE' });
    await second.close();
    await expect(first.closeQuote(quoteId)).rejects.toMatchObject({ reason: 'LEDGER_IN_USE' });
  });

  it('of another payer, chain or escrow is refused', async () => {
    const options = await setUp();
    await (await open(options)).close();
    const others: [Partial<LocalWalletOptions>, string][] = [
      [{ key: walletOptions(chain, '', { account: 1 }).key }, 'CONFIG_INVALID'],
      [{ chain: { ...options.chain, chainId: 5n } }, 'WRONG_CHAIN'],
      [{ chain: { ...options.chain, escrow: chain.deployment.assets } }, 'WRONG_ESCROW'],
    ];
    for (const [change, reason] of others)
      await expect(LocalWallet.open({ ...options, ...change })).rejects.toMatchObject({ reason });
  });
});

async function endSessions(databaseUrl: string): Promise<void> {
  const url = new URL(databaseUrl);
  const name = url.pathname.slice(1);
  url.pathname = '/postgres';
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  await client
    .query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name])
    .finally(() => client.end());
}
