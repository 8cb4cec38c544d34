import { randomBytes, randomInt } from 'node:crypto';
import { join } from 'node:path';
import { serialize } from 'node:v8';
import type { Client } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { connect } from '#payments/rpc/connect.js';
import type { SigningKey } from '#payments/signature.js';
import { type Call, hashListing, type Listing } from '#payments/typed-data.js';
import { createPool } from '#platform/db/pool.js';
import { startPostgres } from '#platform/local/postgres.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import type { ProviderProcess } from '#test/support/fixtures/provider.js';
import { startWallet } from '#test/support/local-wallet.js';
import { FLOW, publishEcho, SAY, startPaidService, text, textOf } from '#test/support/paid-service.js';
import { callPaid, newCall, openChannel, type PaidReply, readTrailers, streamPaid } from '#test/support/paying.js';
import { questions } from '#test/support/payments-questions.js';
import { untilGone, workingIn } from '#test/support/processes.js';
import { type NodeProcess, spawnNode } from '#test/support/spawn-node.js';
import { tempDir } from '#test/support/temp-dir.js';
import { pinOf, quoteOf, requestOf } from '#test/support/wallets.js';

type Fault = NonNullable<ProviderProcess['fault']>;

/** How often the provider is killed under load; a night run takes a thousand and more. */
const KILLS = Number(process.env['WEFT_KILLS'] ?? 6);

/** What is left is Node reading sources and a busy machine: a lock itself ends with its holder, or with its lease of 0.5 s. */
const TAKEOVER_MS = 10_000;

describe('a provider that is killed', () => {
  let chain: Chain;
  let asset: bigint;
  let listing: Listing;
  let operator: SigningKey;
  let home: Omit<ProviderProcess, 'port' | 'settles' | 'fault'>;
  let pool: pg.Pool;

  beforeAll(async () => {
    chain = await startChain();
    const echo = await publishEcho(chain);
    ({ asset, listing, operator } = echo);
    const databaseUrl = await createDatabase();
    home = {
      databaseUrl,
      rpcUrl: chain.rpcUrl,
      deployment: chain.deployment,
      listing,
      secret: Buffer.from(echo.operatorWallet.privateKey.slice(2), 'hex'),
      bodies: tempDir(),
    };
    pool = createPool(databaseUrl);
    pool.on('error', () => {});
    // The ledger is born before the channels are opened.
    const first = await startPaidService({ chain, databaseUrl, listing, operator: echo.operator });
    await first.stop();
    await chain.fund(chain.account(2), 100_000_000n);
  });

  afterAll(async () => {
    await pool?.end();
    await chain?.stop();
  });

  /** A provider in a process of its own, and a client of it that outlives it. */
  class Provider {
    process!: NodeProcess;
    /** Resolves when the present process is ready, or has ended before. */
    ready: Promise<unknown> = Promise.resolve();
    client!: Client;
    address = '';
    #port: number | undefined;

    constructor(
      private readonly at = home,
      private readonly settles: ProviderProcess['settles'] = false,
    ) {}

    async start(fault?: Fault): Promise<this> {
      const options: ProviderProcess = { ...this.at, port: this.#port, settles: this.settles, fault };
      const argument = serialize(options).toString('base64');
      this.process = spawnNode('test/support/fixtures/provider.ts', { args: [argument] });
      const waiting = this.process.waitForLine(/^ready (.*)$/);
      this.ready = waiting.catch(() => {});
      const [, address] = await waiting;
      if (this.#port === undefined) {
        this.address = address!;
        this.#port = Number(address!.split(':')[1]);
        this.client = connect(address!);
      }
      return this;
    }

    /** Waits for it to die as it was told, starts it anew, and waits until its client, refused meanwhile, has tried again. */
    async restart(fault?: Fault): Promise<void> {
      await this.process.exited;
      await this.start(fault);
      await new Promise<void>((resolve, reject) => {
        this.client.waitForReady(Date.now() + 20_000, (error) => (error ? reject(error) : resolve()));
      });
    }

    /** Resolves when what it prints of a run has come, which may be later than the run's answer. */
    async hasRun(words: string): Promise<void> {
      await this.process.waitForLine(new RegExp(`^run ${words}$`));
    }

    runs(words: string): number {
      return this.process.lines.filter((line) => line === `run ${words}`).length;
    }

    async end(): Promise<void> {
      this.client.close();
      await this.process.killHard();
    }
  }

  const providers: Provider[] = [];
  afterEach(async () => {
    for (const provider of providers.splice(0)) await provider.end();
  });

  async function start(fault?: Fault, settles: ProviderProcess['settles'] = false, at = home): Promise<Provider> {
    const provider = new Provider(at, settles);
    providers.push(provider);
    return await provider.start(fault);
  }

  /** Everything that was earned here is income of its asset, as soon as the settler got to it. */
  async function expectSettled(): Promise<void> {
    const earned = async () => {
      const { rows } = await pool.query('select sum(spent) as spent, sum(claimed) as claimed from provider.channel');
      return rows[0] as { spent: string; claimed: string };
    };
    let ledger = await earned();
    while (ledger.claimed !== ledger.spent) ledger = await earned();
    expect((await chain.escrow.income(asset, 1)).earned).toBe(BigInt(ledger.spent));
  }

  const open = () => openChannel(chain, chain.account(2), asset, 1_000_000n);
  const call = (method: string, request: Uint8Array, maxAmount: bigint): Call =>
    newCall(hashListing(listing), method, request, maxAmount);

  /** What provider's ledger and payer agree on. */
  async function expectCharged(channel: { id: Uint8Array }, replies: readonly PaidReply[], from = pool): Promise<void> {
    const seen = replies.reduce((sum, { receipt }) => sum + (receipt?.amount ?? 0n), 0n);
    const { rows } = await from.query(
      `select h.spent, h.calls, (select sum(amount) from provider.call c where c.channel = h.id) as charged,
              (select count(*) from provider.call c where c.channel = h.id) as rows
         from provider.channel h where h.id = $1`,
      [channel.id],
    );
    expect(rows[0]).toEqual({
      spent: String(seen),
      charged: String(seen),
      calls: String(replies.length),
      rows: String(replies.length),
    });
  }

  test('T24 after serving and before committing: the call is absent, runs again and is charged once', async () => {
    const provider = await start({ at: 'served', nth: 1 });
    const channel = await open();
    const request = text('served');
    const paid = call(SAY, request, 100n);
    const lost = await callPaid(provider.client, `/${SAY}`, request, channel.pay(paid));
    expect(lost).toMatchObject({ outcome: undefined, receipt: undefined });
    expect(lost.error?.retryable).toBe(true);
    await provider.process.exited;
    expect(provider.runs('served')).toBe(1);
    await provider.restart();
    const ask = questions(provider.client, channel);
    expect((await ask.getCall(paid.callId)).state).toBe(1);
    const reply = await callPaid(provider.client, `/${SAY}`, request, channel.pay(paid));
    expect(reply.error).toBeUndefined();
    await provider.hasRun('served');
    expect(provider.runs('served')).toBe(1);
    await expectCharged(channel, [reply]);
  });

  test('T24 after committing and before answering: the stored answer, no second run, no second charge', async () => {
    const provider = await start({ at: 'committed', nth: 1 });
    const channel = await open();
    const request = text('committed');
    const paid = call(SAY, request, 100n);
    const lost = await callPaid(provider.client, `/${SAY}`, request, channel.pay(paid));
    expect(lost).toMatchObject({ outcome: undefined, receipt: undefined });
    await provider.restart();
    const reply = await callPaid(provider.client, `/${SAY}`, request, channel.pay(paid));
    expect(textOf(reply.bytes)).toBe('committed');
    expect(provider.runs('committed')).toBe(0);
    await expectCharged(channel, [reply]);
  });

  test('I8 I12 T28 a killed stream is charged for what was committed, and another process gives that part at once', async () => {
    const provider = await start({ at: 'committed', nth: 2 });
    const standby = await start();
    const channel = await open();
    const request = text('one two three four');
    const paid = call(FLOW, request, 1_000n);
    const collect = async (from: Provider) => {
      const stream = streamPaid(from.client, `/${FLOW}`, request, channel.pay(paid));
      const words: string[] = [];
      try {
        for await (const bytes of stream) words.push(textOf(bytes));
      } catch {}
      const status = await stream.status;
      return { words, reason: status.error?.reason, ...readTrailers(status.trailers) };
    };
    const lost = await collect(provider);
    expect(lost.receipt).toBeUndefined();
    await provider.process.exited;
    const diedAtMs = Date.now();
    let stored = await collect(standby);
    while (stored.reason === 'CALL_IN_FLIGHT') stored = await collect(standby);
    expect(Date.now() - diedAtMs).toBeLessThan(TAKEOVER_MS);
    expect(stored).toMatchObject({ reason: 'STREAM_BROKEN', outcome: 'charged' });
    expect(stored.words.slice(0, lost.words.length)).toEqual(lost.words);
    expect(stored.receipt!.amount).toBe(BigInt(stored.words.join('').length));
    expect(standby.runs('one two three four')).toBe(0);
    await expectCharged(channel, [stored as unknown as PaidReply]);
  });

  test.each(['stored', 'sent', 'claimed'] as const)(
    // It dies holding the key's lock: the next one is not kept waiting.
    'T28 T29 a settler killed with its claim %s and not recorded claims everything, once',
    async (at) => {
      const provider = await start({ at, nth: 1 }, 'claims');
      const channel = await open();
      const request = text('earned');
      // What was earned here, if not what was earned before, makes the settler claim, and die with it.
      const paid = call(SAY, request, 100n);
      await callPaid(provider.client, `/${SAY}`, request, channel.pay(paid));
      await provider.restart();
      const readyAtMs = Date.now();
      const replies: PaidReply[] = [];
      for (const each of [paid, call(SAY, request, 100n)])
        replies.push(await callPaid(provider.client, `/${SAY}`, request, channel.pay(each, channel.signed + 100n)));
      expect(replies.map(({ error }) => error)).toEqual([undefined, undefined]);
      await expectCharged(channel, replies);
      await expectSettled();
      expect(Date.now() - readyAtMs).toBeLessThan(TAKEOVER_MS);
      expect((await chain.escrow.channel(channel.id)).claimed).toBe(200n);
    },
  );

  test(
    'T24 killed again and again under load: payer, provider and chain agree to the last unit',
    async () => {
      const provider = await start(undefined, 'claims');
      const funds = 100_000n * BigInt(KILLS);
      const wallet = await startWallet(chain, { account: 3, funds });
      const app = { address: provider.address };
      const pin = pinOf({ listing, operator, app }, { calls: 1_000 * KILLS });
      const { quoteId } = (await wallet.openQuote(quoteOf([pin], { maxTotal: funds }))).quote;

      /** One call, asked for until it is answered. */
      const answered = async (i: number): Promise<PaidReply> => {
        const request = text(`load ${i}`);
        const { payment } = await wallet.reserve(requestOf(quoteId, request));
        for (;;) {
          const reply = await callPaid(provider.client, `/${SAY}`, request, payment, { deadlineMs: 3_000 });
          if (reply.receipt !== undefined) {
            expect(await wallet.settle(payment.call.callId, { receipt: reply.receipt })).toBe('SETTLED');
            return reply;
          }
          expect(reply.outcome).toBeUndefined();
          await chain.nowSec();
          await provider.ready;
        }
      };
      const replies = [await answered(0)];

      /** Each life ends where the code is told to, or whenever it is. */
      const faults: (Fault['at'] | undefined)[] = ['served', 'committed', 'stored', 'sent', 'claimed', undefined];
      let done = false;
      const killing = (async () => {
        let at: Fault['at'] | undefined;
        for (let kills = 1; kills <= KILLS; kills++) {
          const { process } = provider;
          const kill = setTimeout(() => process.kill('SIGKILL'), at === undefined ? randomInt(300) : 2_000);
          await process.exited;
          clearTimeout(kill);
          at = kills < KILLS ? faults[kills % faults.length] : undefined;
          // It may meet its end before it is ready: a claim is sent again while it starts.
          await provider.start(at && { at, nth: randomInt(1, 7) }).catch(() => {});
        }
        done = true;
      })();
      let next = 1;
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          while (!done) replies.push(await answered(next++));
        }),
      );
      await killing;

      const [channel] = await wallet.channels();
      await expectCharged({ id: channel!.channelId }, replies);
      await expectSettled();
      const spent = 100n * BigInt(replies.length);
      expect(replies.length).toBeGreaterThan(KILLS);
      expect(await wallet.quoteStatus(quoteId)).toMatchObject({ settled: spent, exposure: spent });
      expect((await wallet.channels())[0]).toMatchObject({ settled: spent, reserved: 0n });
      expect((await chain.escrow.channel(channel!.channelId)).claimed).toBe(spent);
      await wallet.close();
    },
    60_000 + 10_000 * KILLS,
  );

  test('I8 PostgreSQL killed under load: what was answered is charged, what was not can be asked again', async () => {
    const dir = tempDir();
    let postgres = await startPostgres({ dir });
    const databaseUrl = postgres.url();
    const at = { ...home, databaseUrl, bodies: tempDir() };
    const provider = await start(undefined, false, at);
    const channel = await open();
    const killed = new Promise<void>((resolve) => {
      setTimeout(async () => {
        process.kill(postgres.pid, 'SIGKILL');
        await postgres.stop();
        // Its processes find out by themselves, and no other server starts while they hold their memory.
        for (const pid of workingIn(join(dir, 'data'))) await untilGone(pid);
        postgres = await startPostgres({ dir, port: postgres.port });
        resolve();
      }, 300);
    });
    let over = false;
    void killed.then(() => {
      over = true;
    });
    const replies: PaidReply[] = [];
    await Promise.all(
      Array.from({ length: 8 }, async (_, lane) => {
        for (let i = 0; !over || i < 5; i++) {
          const request = text(`postgres ${lane} ${i} ${randomBytes(4).toString('hex')}`);
          const paid = call(SAY, request, 100n);
          for (;;) {
            const reply = await callPaid(provider.client, `/${SAY}`, request, channel.pay(paid));
            if (reply.receipt !== undefined) {
              replies.push(reply);
              break;
            }
            expect(reply.error?.reason).toBe('LEDGER_UNAVAILABLE');
            expect(reply.outcome).toBeUndefined();
          }
        }
      }),
    );
    await killed;
    const own = createPool(databaseUrl);
    await expectCharged(channel, replies, own);
    await own.end();
    await postgres.stop();
  }, 120_000);
});
