import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { parseEscrowLogs } from '#contracts/escrow.js';
import type { RemoteWallet } from '#payments/payer/remote-wallet.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { onEnd } from '#test/support/on-end.js';
import { type PaidService, publishEcho, SAY, startPaidService, text, textOf } from '#test/support/paid-service.js';
import { callPaid } from '#test/support/paying.js';
import { spawnNode } from '#test/support/spawn-node.js';
import { giveMoney, startWalletProcess, type WalletProcess, walletHome } from '#test/support/wallet-process.js';
import { payFor, pinOf, quoteOf, requestOf } from '#test/support/wallets.js';

/** Every crash point of PROTOCOL section 6 that is the wallet's, with real kills; each ends with equal ledgers. */
describe('I11 a wallet that is killed', () => {
  let chain: Chain;
  let service: PaidService;
  let home: string;
  let env: NodeJS.ProcessEnv;
  let database: pg.Client;
  let running: WalletProcess;
  let wallet: RemoteWallet;
  let release = async () => {};

  beforeAll(async () => {
    const databaseUrl = await createDatabase();
    chain = await startChain();
    service = await startPaidService({ chain, databaseUrl: await createDatabase(), ...(await publishEcho(chain)) });
    home = await walletHome(chain);
    env = { DATABASE_URL: databaseUrl };
    database = new pg.Client({ connectionString: databaseUrl });
    await database.connect();
    await start();
    await giveMoney(chain, running.payer, 1_000_000n);
    // The asset is known from here on: its channel takes many calls at once.
    await payFor(wallet, service, (await openQuote()).quoteId, text('known'));
  });

  afterEach(() => release());

  afterAll(async () => {
    await running?.process.stop();
    await database?.end();
    await service?.stop();
    await chain?.stop();
  });

  async function start(): Promise<void> {
    running = await startWalletProcess(home, env);
    wallet = running.connect();
  }

  /** As when the machine goes dark: the process and what the database was doing for it. */
  async function kill(): Promise<void> {
    await running.process.killHard();
    await database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'weft wallet' and datname = current_database()`,
    );
  }

  /** Lets no change of a call become durable, until `release`. */
  async function stopTheClerk(): Promise<void> {
    const client = new pg.Client({ connectionString: env['DATABASE_URL'] });
    await client.connect();
    release = () => client.end().catch(() => {});
    await client.query('begin');
    await client.query('lock table payer.call in exclusive mode');
  }

  async function openQuote(calls = 10) {
    const request = quoteOf([pinOf(service, { calls })]);
    await wallet.openQuote(request);
    return request;
  }

  const send = (payment: Parameters<typeof callPaid>[3], request: Uint8Array) =>
    callPaid(service.client, `/${SAY}`, request, payment);

  async function sums() {
    const channel = (await wallet.channels()).find(({ open, terms }) => open && terms.asset === service.listing.asset);
    const provider = await service.ledger.channel(channel!.channelId);
    return {
      wallet: channel!.settled,
      provider: provider!.spent,
      reserved: channel!.reserved,
      calls: service.calls.length,
    };
  }

  /** Waits until payer and provider agree to the last unit, with nothing left open. */
  async function untilEqual(): Promise<Awaited<ReturnType<typeof sums>>> {
    for (const giveUpAtMs = Date.now() + 30_000; ; await delay(50)) {
      const now = await sums();
      if (now.wallet === now.provider && now.reserved === 0n) return now;
      if (Date.now() > giveUpAtMs)
        throw new Error(`ledgers stay apart: ${now.wallet}, ${now.provider}, ${now.reserved}`);
    }
  }

  it('before its reserve commit, the voucher used: the retry gets the stored answer and one charge', async () => {
    const { quoteId } = await openQuote();
    const before = await untilEqual();
    await stopTheClerk();
    const callId = randomBytes(32);
    const asked = requestOf(quoteId, text('lost'), { callId });
    const { payment } = await wallet.reserve(asked);
    expect((await send(payment, text('lost'))).receipt?.amount).toBe(100n);
    await kill();
    await release();
    const { rows } = await database.query('select 1 from payer.call where id = $1', [callId]);
    expect(rows).toEqual([]);

    await start();
    const { reply, state, reservation } = await payFor(wallet, service, quoteId, text('lost'), { callId });
    expect([textOf(reply.bytes), state]).toEqual(['lost', 'SETTLED']);
    expect(reservation.payment.call).toEqual(payment.call);
    const after = await untilEqual();
    expect(after).toMatchObject({ provider: before.provider + 100n, calls: before.calls + 1 });
    expect(await wallet.quoteStatus(quoteId)).toMatchObject({ settled: 100n, exposure: 100n });
  });

  it('before its reserve commit, and nobody comes back: it learns of the charge from the provider', async () => {
    const { quoteId } = await openQuote();
    const before = await untilEqual();
    await stopTheClerk();
    const { payment } = await wallet.reserve(requestOf(quoteId, text('orphan')));
    await send(payment, text('orphan'));
    await kill();
    await release();
    await start();
    const after = await untilEqual();
    expect(after.wallet).toBe(before.wallet + 100n);
    expect(await wallet.call(payment.call.callId)).toMatchObject({ state: 'SETTLED' });
  });

  it('before its reserve commit, and only the receipt comes back: the receipt proves the call', async () => {
    const { quoteId } = await openQuote();
    const before = await untilEqual();
    await stopTheClerk();
    const { payment } = await wallet.reserve(requestOf(quoteId, text('receipt')));
    await kill();
    await release();
    await start();
    const { receipt } = await send(payment, text('receipt'));
    expect(await wallet.settle(payment.call.callId, { receipt: receipt! })).toBe('SETTLED');
    expect((await untilEqual()).wallet).toBe(before.wallet + 100n);
    const forged = { ...receipt!, callId: randomBytes(32) };
    await expect(wallet.settle(forged.callId, { receipt: forged })).rejects.toMatchObject({
      reason: 'RECEIPT_INVALID',
    });
    await expect(wallet.settle(randomBytes(32), 'unclear')).rejects.toMatchObject({ reason: 'NOT_FOUND' });
  });

  it('before its reserve commit, the vouchers unused: they stay good, beside what is signed later', async () => {
    const { quoteId } = await openQuote(2);
    const before = await untilEqual();
    await stopTheClerk();
    const callId = randomBytes(32);
    await wallet.reserve(requestOf(quoteId, text('unused'), { callId }));
    const second = await wallet.reserve(requestOf(quoteId, text('late')));
    await kill();
    await release();
    await start();
    const { state, reservation } = await payFor(wallet, service, quoteId, text('unused'), { callId });
    expect(state).toBe('SETTLED');
    // What may have left counts as signed.
    expect(reservation.payment.cumulative).toBeGreaterThanOrEqual(second.payment.cumulative);
    expect(await wallet.quoteStatus(quoteId)).toMatchObject({ settled: 100n, exposure: 100n });
    const late = await send(second.payment, text('late'));
    expect(textOf(late.bytes)).toBe('late');
    expect(await wallet.settle(second.payment.call.callId, { receipt: late.receipt! })).toBe('SETTLED');
    expect((await untilEqual()).provider).toBe(before.provider + 200n);
  });

  it('I10 a quote is exceeded by no more than the calls that were on their way and that nobody told of', async () => {
    const { quoteId } = await openQuote(1);
    const before = await untilEqual();
    await stopTheClerk();
    const lost = await wallet.reserve(requestOf(quoteId, text('lost')));
    await kill();
    await release();
    await start();
    expect((await payFor(wallet, service, quoteId, text('paid'))).state).toBe('SETTLED');
    await expect(wallet.reserve(requestOf(quoteId, text('more')))).rejects.toMatchObject({ reason: 'QUOTE_EXHAUSTED' });
    const { receipt } = await send(lost.payment, text('lost'));
    expect(await wallet.settle(lost.payment.call.callId, { receipt: receipt! })).toBe('SETTLED');
    expect((await untilEqual()).wallet).toBe(before.wallet + 200n);
  });

  it('while a voucher above the ceiling waits to become durable: it never leaves', async () => {
    const { quoteId } = await openQuote(200);
    await untilEqual();
    await stopTheClerk();
    let left = 0;
    const waiting = Array.from({ length: 64 }, (_, i) =>
      wallet.reserve(requestOf(quoteId, text(`${i}`))).then(
        () => left++,
        () => {},
      ),
    );
    await Promise.race([Promise.all(waiting), delay(1_000)]);
    const more = wallet.reserve(requestOf(quoteId, text('above'))).then(
      () => 'left',
      () => 'stayed',
    );
    expect(await Promise.race([more, delay(500, 'stays')])).not.toBe('left');
    await kill();
    await release();
    expect(await more).toBe('stayed');
    await start();
    const { rows } = await database.query<{ ceiling: string }>('select ceiling from payer.channel');
    expect(left).toBeGreaterThan(0);
    expect(BigInt(rows[0]!.ceiling)).toBeGreaterThanOrEqual((await sums()).wallet + 100n * BigInt(left));
    await wallet.closeQuote(quoteId);
    await untilEqual();
  });

  it('after its reserve commit, before the answer: same call, same voucher', async () => {
    const { quoteId } = await openQuote();
    const before = await untilEqual();
    const callId = randomBytes(32);
    const { payment } = await wallet.reserve(requestOf(quoteId, text('committed'), { callId }));
    for (;;) {
      const { rows } = await database.query('select 1 from payer.call where id = $1', [callId]);
      if (rows.length > 0) break;
      await delay(5);
    }
    await kill();
    await start();
    expect(await wallet.call(callId)).toMatchObject({ state: 'RESERVED' });
    const { state, reservation } = await payFor(wallet, service, quoteId, text('committed'), { callId });
    expect(reservation.payment).toEqual(payment);
    expect(state).toBe('SETTLED');
    expect((await untilEqual()).provider).toBe(before.provider + 100n);
  });

  it('after the response, before its settle commit: the sweeper gets the receipt', async () => {
    const { quoteId } = await openQuote();
    const { payment } = await wallet.reserve(requestOf(quoteId, text('swept')));
    for (;;) {
      const { rows } = await database.query('select 1 from payer.call where id = $1', [payment.call.callId]);
      if (rows.length > 0) break;
      await delay(5);
    }
    const { receipt } = await send(payment, text('swept'));
    await stopTheClerk();
    await wallet.settle(payment.call.callId, { receipt: receipt! });
    await kill();
    await release();
    await start();
    expect(await wallet.call(payment.call.callId)).toMatchObject({ state: 'RESERVED' });
    await wallet.closeQuote(quoteId);
    await untilEqual();
    expect(await wallet.call(payment.call.callId)).toMatchObject({ state: 'SETTLED', receipt });
  });

  it('after it sent the transaction that opens a channel: the same one is mined, and no second channel opened', async () => {
    const other = await startPaidService({ chain, databaseUrl: await createDatabase(), ...(await publishEcho(chain)) });
    onEnd(() => other.stop());
    const fromBlock = (await chain.provider.getBlockNumber()) + 1;
    await chain.provider.send('evm_setAutomine', [false]);
    const request = quoteOf([pinOf(other)]);
    const opening = wallet.openQuote(request).catch(() => {});
    for (;;) {
      const { txpool } = { txpool: await chain.provider.send('txpool_status', []) };
      if (BigInt(txpool.pending) > 0n) break;
      await delay(10);
    }
    await kill();
    await opening;
    await chain.provider.send('anvil_dropAllTransactions', []);
    await chain.provider.send('evm_setAutomine', [true]);
    await start();
    await wallet.openQuote(request);
    const logs = await chain.provider.getLogs({ address: chain.deployment.escrow, fromBlock });
    const opened = parseEscrowLogs(logs, chain.deployment.escrow).filter(({ name }) => name === 'Opened');
    expect(opened).toHaveLength(1);
    expect((await payFor(wallet, other, request.quoteId, text('paid'))).state).toBe('SETTLED');
  });

  it('I12 T28 leaves the ledger to the next one within seconds, while a second one beside it is refused', async () => {
    const second = spawnNode('services/wallet/main.ts', { env: { WEFT_HOME: home, ...env } });
    const { code } = await second.exited;
    expect(code).toBe(1);
    expect(second.lines.join('\n')).toMatch(/LEDGER_IN_USE/);
    await running.process.killHard();
    const killedAtMs = Date.now();
    await start();
    expect(Date.now() - killedAtMs).toBeLessThan(30_000); // most of it is Node reading sources
    expect((await sums()).wallet).toBeGreaterThan(0n);
  });
});
