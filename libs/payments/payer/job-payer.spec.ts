import { randomBytes } from 'node:crypto';
import type { Wallet } from 'ethers';
import { send } from '#contracts/chain.js';
import { JobSettler } from '#payments/provider/job-settler.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { copyDatabase, createDatabase } from '#test/support/database.js';
import { type PaidService, publishEcho, startPaidService, text, textOf } from '#test/support/paid-service.js';
import { callPaid } from '#test/support/paying.js';
import { startRpcProxy } from '#test/support/rpc-proxy.js';
import { startSettler } from '#test/support/settling.js';
import { pinOf, quoteOf, requestOf, walletOptions } from '#test/support/wallets.js';
import { LocalWallet, type LocalWalletOptions } from './local-wallet.js';
import { noLimits } from './tokens.js';
import type { JobRecord, JobReservation, JobWants, PinRequest } from './wallet.js';

const PRICE = 100n;
const MONEY = 10_000n;

describe('a wallet that pays by jobs', () => {
  let chain: Chain;
  let service: PaidService;
  let operatorWallet: Wallet;
  let claiming: Awaited<ReturnType<typeof startSettler>>;
  let settler: JobSettler;
  let options: LocalWalletOptions;
  let wallet: LocalWallet;
  const request = text('a long book');
  const wants: JobWants = { evaluator: undefined, spanSec: 7_200, reviewSec: 3_600 };

  beforeAll(async () => {
    chain = await startChain();
    const echo = await publishEcho(chain);
    service = await startPaidService({ chain, databaseUrl: await createDatabase(), ...echo });
    ({ operatorWallet } = echo);
    // Its sender alone is used: it never claims or anchors by itself, which would make blocks that no test expects.
    claiming = await startSettler(chain, service, operatorWallet, { everyMs: 3_600_000 });
    settler = new JobSettler({
      ledger: service.ledger,
      chain: service.view,
      claimants: [{ asset: echo.asset, tenure: 1, sender: claiming.sender }],
    });
    options = walletOptions(chain, await createDatabase());
    const payer = chain.account(2);
    await send(payer, chain.token.mint(payer.address, MONEY));
    wallet = await LocalWallet.open(options);
  });

  afterAll(async () => {
    await wallet?.close();
    await claiming?.stop();
    await service?.stop();
    await chain?.stop();
  });

  // Also when a test fails that has stopped it: others would wait for ever.
  afterEach(() => chain.provider.send('evm_setAutomine', [true]));

  const payer = () => chain.account(2).address;
  const open = async (change: Partial<PinRequest> = {}, token?: Parameters<LocalWallet['openQuote']>[1]) => {
    const quote = quoteOf([pinOf(service, { job: wants, calls: 3, ...change })], { maxTotal: 300n });
    await wallet.openQuote(quote, token);
    return quote.quoteId;
  };
  const answer = async ({ payment }: JobReservation) => {
    const reply = await callPaid(service.client, `/${payment.call.method}`, request, payment);
    if (reply.receipt !== undefined) await wallet.settle(payment.call.callId, { receipt: reply.receipt });
    return reply;
  };
  const restart = async () => {
    await wallet.close();
    wallet = await LocalWallet.open(options);
  };
  /** Everything of the payer's that is not in a job. */
  const money = async () => {
    const { free, inToken, inChannels } = await wallet.account();
    return free + inToken + inChannels;
  };
  const fundedEvents = async () =>
    (await chain.jobs.events(0, 'latest')).filter(({ name }) => name === 'JobFunded').length;

  test('opens no channel for it, funds a job, pays what was accepted, and counts to the last unit', async () => {
    const before = await money();
    const quoteId = await open();
    expect(await wallet.channels()).toEqual([]);
    const asked = requestOf(quoteId, request);
    const job = await wallet.fundJob(asked);
    expect(await money()).toBe(before - PRICE);
    expect(await wallet.account()).toMatchObject({ inJobs: PRICE });
    expect(await wallet.quoteStatus(quoteId)).toMatchObject({ settled: 0n, exposure: PRICE });
    expect(textOf((await answer(job)).bytes)).toBe('a long book');
    expect(await wallet.job(asked.callId)).toMatchObject({ state: 'FUNDED', amount: PRICE });
    await expect(wallet.evaluateJob(asked.callId, 'accept')).rejects.toMatchObject({ reason: 'JOB_UNFIT' });
    await settler.settleNow();
    expect(await wallet.job(asked.callId)).toMatchObject({ state: 'SUBMITTED', paid: 0n });
    expect(await wallet.evaluateJob(asked.callId, 'accept')).toMatchObject({ state: 'COMPLETED', paid: PRICE });
    expect(await wallet.quoteStatus(quoteId)).toMatchObject({ settled: PRICE, exposure: PRICE });
    expect(await money()).toBe(before - PRICE);
    expect(await wallet.account()).toMatchObject({ inJobs: 0n });
    await settler.settleNow();
    expect(await service.ledger.jobs.job(job.payment.job.jobId, 0)).toMatchObject({ state: 'PAID', paid: PRICE });
  });

  test('takes everything back when it rejects, and frees what was set aside', async () => {
    const before = await money();
    const quoteId = await open();
    const asked = requestOf(quoteId, request);
    await answer(await wallet.fundJob(asked));
    await settler.settleNow();
    expect(await wallet.evaluateJob(asked.callId, 'reject')).toMatchObject({ state: 'REJECTED', paid: 0n });
    expect(await money()).toBe(before);
    expect(await chain.jobs.balanceOf(payer())).toBe(0n);
    expect(await wallet.quoteStatus(quoteId)).toMatchObject({ settled: 0n, exposure: 0n });
    expect(await wallet.evaluateJob(asked.callId, 'accept')).toMatchObject({ state: 'REJECTED' });
    await expect(wallet.fundJob(asked)).rejects.toMatchObject({ reason: 'JOB_REJECTED', retryable: false });
  });

  test('I7 the same call finds the same job, also at once and after a restart, and funds it once', async () => {
    const quoteId = await open();
    const asked = requestOf(quoteId, request);
    const before = await fundedEvents();
    const [one, two] = await Promise.all([wallet.fundJob(asked), wallet.fundJob(asked)]);
    await restart();
    const three = await wallet.fundJob(asked);
    expect([two, three]).toEqual([one, one]);
    expect(await fundedEvents()).toBe(before + 1);
    await expect(wallet.fundJob({ ...asked, requestDigest: randomBytes(32) })).rejects.toMatchObject({
      reason: 'CALL_ID_REUSED',
    });
  });

  /** Closes the wallet when the transaction that funds the call's job is stored and sent, and not mined. */
  async function dieWhileFunding(asked: ReturnType<typeof requestOf>): Promise<void> {
    await send(chain.account(2), chain.token.approve(chain.jobs.address, MONEY)); // so that it is the only one
    await chain.provider.send('evm_setAutomine', [false]);
    const lost = wallet.fundJob(asked).catch((error: unknown) => error);
    const waiting = async () =>
      (await chain.provider.getTransactionCount(payer(), 'pending')) -
      (await chain.provider.getTransactionCount(payer()));
    while ((await waiting()) === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    await wallet.close();
    expect(await lost).toMatchObject({ reason: 'CANCELLED' });
    await chain.provider.send('anvil_dropAllTransactions', []);
    wallet = await LocalWallet.open(options);
  }

  test('I11 a wallet that died before its transaction was mined sends the same one again', async () => {
    const asked = requestOf(await open(), request);
    const before = await fundedEvents();
    await dieWhileFunding(asked);
    const again = wallet.fundJob(asked);
    await chain.provider.send('evm_setAutomine', [true]);
    expect((await answer(await again)).outcome).toBe('charged');
    expect(await fundedEvents()).toBe(before + 1);
  });

  test('I11 a job that is rejected while its funding is on the way leaves no money behind', async () => {
    const asked = requestOf(await open(), request);
    const before = await money();
    await dieWhileFunding(asked);
    const verdict = wallet.evaluateJob(asked.callId, 'reject');
    await Promise.race([verdict, new Promise((resolve) => setTimeout(resolve, 500))]);
    await chain.provider.send('evm_setAutomine', [true]);
    await chain.provider.send('evm_mine', []);
    expect(await verdict).toMatchObject({ state: 'REJECTED', paid: 0n });
    const { jobId } = (await wallet.job(asked.callId))!;
    expect((await chain.jobs.step(jobId, 0)).status).toBe('rejected');
    expect(await money()).toBe(before);
  });

  test('rule 5: counts a job against the limits of its token before anything is sent', async () => {
    const before = await money();
    const secret = await wallet.tokens.create(`t${randomBytes(4).toString('hex')}`, 'SPEND', {
      ...noLimits,
      total: 250n,
      perDay: 150n,
    });
    const token = wallet.tokens.authenticate(secret, 'SPEND');
    await expect(open({}, token)).rejects.toMatchObject({ reason: 'LIMIT_EXCEEDED' });
    const quoteId = await open({ calls: 2 }, token);
    const first = requestOf(quoteId, request);
    await wallet.fundJob(first, token);
    await expect(wallet.fundJob(requestOf(quoteId, request), token)).rejects.toMatchObject({
      reason: 'LIMIT_EXCEEDED',
      details: { wanted: '200', limit: '150' },
    });
    expect(await money()).toBe(before - PRICE);
    // What a rejected job gave back may be spent again.
    await wallet.evaluateJob(first.callId, 'reject', token);
    const second = requestOf(quoteId, request);
    await wallet.fundJob(second, token);
    await wallet.evaluateJob(second.callId, 'reject', token);
    await expect(wallet.evaluateJob(first.callId, 'reject', wallet.tokens.list()[0])).resolves.toBeDefined();
    const other = await wallet.tokens.create(`t${randomBytes(4).toString('hex')}`, 'SPEND', { ...noLimits, total: 1n });
    const stranger = wallet.tokens.authenticate(other, 'SPEND');
    await expect(wallet.fundJob(requestOf(quoteId, request), stranger)).rejects.toMatchObject({
      reason: 'PERMISSION_DENIED',
    });
    await expect(wallet.evaluateJob(first.callId, 'accept', stranger)).rejects.toMatchObject({
      reason: 'PERMISSION_DENIED',
    });
  });

  test('takes money out of the escrow when the tokens do not do, and says when neither does', async () => {
    await restart();
    const { inToken } = await wallet.account();
    const key = chain.account(2);
    await send(key, chain.token.transfer(chain.account(9).address, inToken));
    const quoteId = await open();
    const poor = requestOf(quoteId, request);
    await expect(wallet.fundJob(poor)).rejects.toMatchObject({ reason: 'FUNDS_TOO_LOW', details: { needed: '100' } });
    expect(await wallet.quoteStatus(quoteId)).toMatchObject({ exposure: PRICE }); // it may be tried again
    await expect(wallet.evaluateJob(poor.callId, 'accept')).rejects.toMatchObject({ reason: 'JOB_UNKNOWN' });
    expect(await wallet.evaluateJob(poor.callId, 'reject')).toMatchObject({ state: 'REJECTED' });
    expect(await wallet.quoteStatus(quoteId)).toMatchObject({ exposure: 0n });
    await chain.fund(key, MONEY);
    await wallet.close();
    wallet = await LocalWallet.open(options);
    const { free } = await wallet.account();
    await wallet.fundJob(requestOf(quoteId, request));
    expect(await wallet.account()).toMatchObject({ free: free - PRICE, inToken: 0n });
  });

  test('accepts nothing but what the receipt is about', async () => {
    const quoteId = await open();
    const asked = requestOf(quoteId, request);
    const job = await wallet.fundJob(asked);
    const { jobId } = job.payment.job;
    await send(operatorWallet, chain.jobs.submit(jobId, 0, randomBytes(32)));
    await expect(wallet.evaluateJob(asked.callId, 'accept')).rejects.toMatchObject({ reason: 'RECEIPT_INVALID' });
    const reply = await callPaid(service.client, `/${job.payment.call.method}`, request, job.payment);
    expect(reply.error).toMatchObject({ reason: 'JOB_UNFIT' }); // what was handed in was not an answer
    const other = requestOf(quoteId, request);
    const second = await wallet.fundJob(other);
    const answered = await answer(second);
    const forged = { ...answered.receipt!, amount: 1n };
    await expect(wallet.settle(other.callId, { receipt: forged })).resolves.toBe('SETTLED'); // the first one counts
    const third = requestOf(quoteId, request);
    await wallet.fundJob(third);
    await expect(wallet.settle(third.callId, { receipt: answered.receipt! })).rejects.toMatchObject({
      reason: 'RECEIPT_INVALID',
    });
    await send(operatorWallet, chain.jobs.submit(second.payment.job.jobId, 0, randomBytes(32)));
    await expect(wallet.evaluateJob(other.callId, 'accept')).rejects.toMatchObject({
      reason: 'JOB_UNFIT',
      details: { responseDigest: expect.any(String) },
    });
    for (const { callId } of [asked, other, third])
      expect(await wallet.evaluateJob(callId, 'reject')).toMatchObject({ state: 'REJECTED', paid: 0n });
  });

  test('leaves the verdict to whom it named, and learns of it from the chain', async () => {
    const person = chain.account(7);
    const quoteId = await open({ job: { ...wants, evaluator: Buffer.from(person.address.slice(2), 'hex') } });
    const asked = requestOf(quoteId, request);
    const job = await wallet.fundJob(asked);
    const { receipt } = await answer(job);
    await settler.settleNow();
    await expect(wallet.evaluateJob(asked.callId, 'accept')).rejects.toMatchObject({ reason: 'PERMISSION_DENIED' });
    const { jobId } = job.payment.job;
    await send(person, chain.jobs.completeInPart(jobId, 0, receipt!.responseDigest, 30n));
    expect(await wallet.job(asked.callId)).toMatchObject({ state: 'COMPLETED', paid: 30n });
    expect(await wallet.quoteStatus(quoteId)).toMatchObject({ settled: 30n, exposure: 30n });
    expect((await wallet.jobs()).map((each) => each.jobId)).toContainEqual(Buffer.from(jobId));
  });

  test('has a job refunded that expired unanswered', async () => {
    const quoteId = await open();
    const asked = requestOf(quoteId, request);
    const before = await money();
    await wallet.fundJob(asked);
    await chain.advance(7_300);
    await restart(); // looks after its jobs when it starts
    while ((await wallet.job(asked.callId))?.state !== 'EXPIRED') await wallet.sweep();
    while ((await chain.jobs.balanceOf(payer())) > 0n) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await money()).toBeGreaterThanOrEqual(before);
    expect(await wallet.quoteStatus(quoteId)).toMatchObject({ exposure: 0n });
  });

  /** The same payer with another database, an empty one unless it is given. */
  async function loseLedger(change: Partial<LocalWalletOptions['chain']> = {}, databaseUrl?: string): Promise<void> {
    await wallet.close();
    options = {
      ...options,
      databaseUrl: databaseUrl ?? (await createDatabase()),
      chain: { ...walletOptions(chain, '').chain, ...change },
      policy: { ...options.policy, resumeEveryMs: 0 },
    };
    wallet = await LocalWallet.open(options);
  }
  /** Its chores are not waited for by a sweep. */
  const sweepOnce = async () => {
    await wallet.sweep();
    await new Promise((resolve) => setTimeout(resolve, 20));
  };
  const fundFor = async (quoteId: Uint8Array) => {
    const asked = requestOf(quoteId, request);
    const job = await wallet.fundJob(asked);
    return { asked, job, jobId: job.payment.job.jobId };
  };
  const found = async (callId: Uint8Array) =>
    (await wallet.jobs()).find((each) => Buffer.compare(each.callId, callId) === 0);

  test('I11 finds its jobs again when its ledger is lost, and goes on with the call that asks again', async () => {
    const person = chain.account(7);
    const evaluator = Buffer.from(person.address.slice(2), 'hex');
    const quote = quoteOf([pinOf(service, { job: wants, calls: 3 })], { maxTotal: 300n });
    await wallet.openQuote(quote);
    const [waiting, answered, rejected] = [
      await fundFor(quote.quoteId),
      await fundFor(quote.quoteId),
      await fundFor(quote.quoteId),
    ];
    await answer(answered.job);
    const partly = await fundFor(await open({ job: { ...wants, evaluator } }));
    const { receipt } = await answer(partly.job);
    await settler.settleNow();
    await send(person, chain.jobs.completeInPart(partly.jobId, 0, receipt!.responseDigest, 30n));
    await wallet.evaluateJob(rejected.asked.callId, 'reject');
    const known = await wallet.jobs();
    const { inJobs } = await wallet.account();
    const before = await fundedEvents();

    await loseLedger();
    for (const [{ asked }, state, paid] of [
      [waiting, 'FUNDED', 0n],
      [answered, 'SUBMITTED', 0n],
      [rejected, 'REJECTED', 0n],
      [partly, 'COMPLETED', 30n],
    ] as const) {
      const { jobId, asset, tenure, amount, evaluator, expiresAtSec, reviewSec } = known.find(
        ({ callId }) => Buffer.compare(callId, asked.callId) === 0,
      )!;
      const same = { jobId, asset, tenure, amount, evaluator, expiresAtSec, reviewSec };
      expect(await found(asked.callId)).toMatchObject({ ...same, state, paid });
    }
    expect(await wallet.account()).toMatchObject({ inJobs });

    await wallet.openQuote(quote);
    const again = await wallet.fundJob(answered.asked);
    expect(again.payment).toEqual(answered.job.payment);
    await expect(wallet.fundJob({ ...waiting.asked, requestDigest: randomBytes(32) })).rejects.toMatchObject({
      reason: 'CALL_ID_REUSED',
    });
    expect((await answer(again)).receipt).toBeDefined();
    expect(await wallet.evaluateJob(answered.asked.callId, 'accept')).toMatchObject({
      state: 'COMPLETED',
      paid: PRICE,
    });
    await wallet.fundJob(waiting.asked);
    expect(await fundedEvents()).toBe(before);
    expect(await wallet.quoteStatus(quote.quoteId)).toMatchObject({ settled: PRICE, exposure: 2n * PRICE });
  });

  test('I11 gets back what a job holds that nobody remembers', async () => {
    const { asked } = await fundFor(await open());
    await loseLedger();
    const before = await money();
    const { inJobs } = await wallet.account();
    await chain.advance(7_300);
    while ((await found(asked.callId))?.state !== 'EXPIRED') await wallet.sweep();
    while ((await wallet.account()).inJobs === inJobs) await wallet.sweep();
    while ((await chain.jobs.balanceOf(payer())) > 0n) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await money()).toBeGreaterThanOrEqual(before + PRICE);
    expect(await found(asked.callId)).toMatchObject({ method: '', paid: 0n });
  });

  test('I11 finds the jobs that were funded after the copy was made from which its ledger came back', async () => {
    const known = await fundFor(await open());
    await wallet.close();
    const copy = await copyDatabase(options.databaseUrl);
    wallet = await LocalWallet.open(options);
    const since = await fundFor(await open());
    await loseLedger({}, copy);
    expect(await found(known.asked.callId)).toMatchObject({ jobId: known.jobId, state: 'FUNDED', step: 'say' });
    expect(await found(since.asked.callId)).toMatchObject({ jobId: since.jobId, state: 'FUNDED', step: '' });
  });

  test('I11 rule 5: a found job that ends gives no token more for the day', async () => {
    const quote = quoteOf([pinOf(service, { job: wants, calls: 3 })], { maxTotal: 300n });
    await wallet.openQuote(quote);
    const { asked } = await fundFor(quote.quoteId);
    await loseLedger();
    const name = `t${randomBytes(4).toString('hex')}`;
    const secret = await wallet.tokens.create(name, 'SPEND', { ...noLimits, perDay: 150n });
    const token = wallet.tokens.authenticate(secret, 'SPEND');
    await wallet.openQuote(quote, token);
    await wallet.fundJob(asked, token);
    expect(await wallet.evaluateJob(asked.callId, 'reject', token)).toMatchObject({ state: 'REJECTED' });
    expect(wallet.tokens.list().find((each) => each.name === name)).toMatchObject({ daySpent: 0n, held: 0n });
  });

  /** Until the wallet has nothing more to send for jobs of earlier tests, whose blocks would bury what comes next. */
  const untilIdle = async () => {
    for (;;) {
      const { timestamp } = (await chain.provider.getBlock('latest'))!;
      const isOver = ({ state, expiresAtSec }: JobRecord) =>
        (state !== 'FUNDING' && state !== 'FUNDED') || expiresAtSec > timestamp + 600;
      if ((await wallet.jobs()).every(isOver) && (await chain.jobs.balanceOf(payer())) === 0n) return;
      await sweepOnce();
    }
  };

  test('I11 T21 searches until the chain answers, and until what it shows is deep enough', async () => {
    await untilIdle();
    const { asked } = await fundFor(await open());
    const proxy = await startRpcProxy(chain.rpcUrl);
    proxy.decide(() => 'lose request');
    await loseLedger({ rpcUrl: proxy.url, confirmations: 1 });
    expect(await wallet.jobs()).toEqual([]);
    proxy.decide(() => 'pass');
    const searches = () => proxy.seen.filter((method) => method === 'eth_getLogs').length;
    while (searches() < 4) await sweepOnce();
    expect(await found(asked.callId)).toBeUndefined();
    await chain.provider.send('evm_mine', []);
    while ((await found(asked.callId)) === undefined) await sweepOnce();
    expect(await found(asked.callId)).toMatchObject({ state: 'FUNDED' });
    await loseLedger();
    expect(await found(asked.callId)).toMatchObject({ state: 'FUNDED' });
    const before = proxy.seen.length;
    await restart();
    expect(proxy.seen.length).toBe(before);
  });

  test.each([
    ['evaluator', { evaluator: new Uint8Array(19) }],
    ['evaluator', { evaluator: new Uint8Array(20) }],
    ['spanSec', { spanSec: 3_599 }],
    ['reviewSec', { reviewSec: 30 * 86_400 + 1 }],
  ])('refuses a quote whose jobs have a wrong %s', async (field, change) => {
    await expect(open({ job: { ...wants, ...change } })).rejects.toMatchObject({
      reason: 'INVALID_INPUT',
      details: { field: `pins[0].job.${field}` },
    });
  });

  test('signs no voucher for such a step', async () => {
    await expect(wallet.reserve(requestOf(await open(), request))).rejects.toMatchObject({ reason: 'INVALID_INPUT' });
  });
});
