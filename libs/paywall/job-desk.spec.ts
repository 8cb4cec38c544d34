import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Wallet } from 'ethers';
import { send } from '#contracts/chain.js';
import { connectChain } from '#contracts/chain-provider.js';
import { messageDigest } from '#payments/digests.js';
import { JobSettler } from '#payments/provider/job-settler.js';
import { callRaw } from '#payments/rpc/raw-call.js';
import { signedBy } from '#payments/signature.js';
import { escrowDomain, hashCall, hashReceipt, signingHash } from '#payments/typed-data.js';
import type { JobPayment } from '#payments/wire.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { type FundedJob, fundJob, payByJob } from '#test/support/jobs.js';
import {
  type ChainLink,
  FLOW,
  type PaidService,
  publishEcho,
  SAY,
  startPaidService,
  text,
  textOf,
} from '#test/support/paid-service.js';
import { callPaid, domainOf, metadataOf } from '#test/support/paying.js';
import { startRpcProxy } from '#test/support/rpc-proxy.js';
import { startSettler } from '#test/support/settling.js';

describe('a call that a job pays', () => {
  let chain: Chain;
  let service: PaidService;
  let asset: bigint;
  let operatorWallet: Wallet;
  let databaseUrl: string;
  let onServed = () => {};
  const request = text('the whole book');
  const settlers: { stop(): Promise<void> }[] = [];

  beforeAll(async () => {
    chain = await startChain();
    const echo = await publishEcho(chain);
    ({ asset, operatorWallet } = echo);
    databaseUrl = await createDatabase();
    service = await startPaidService({
      chain,
      databaseUrl,
      ...echo,
      onStage: (stage) => stage === 'served' && onServed(),
    });
  });

  afterAll(async () => {
    for (const each of settlers) await each.stop();
    await service?.stop();
    await chain?.stop();
  });

  beforeEach(() => {
    service.calls.length = 0;
    onServed = () => {};
  });

  const client = () => chain.account(4);
  const order = (amount = 100n) => ({ asset, tenure: 1, amount });
  const newJob = (change: Parameters<typeof fundJob>[3] = {}, amount?: bigint) =>
    fundJob(chain, client(), [order(amount)], change);
  const say = (maxAmount = 100n) => service.call(SAY, request, maxAmount);
  const pay = (payment: JobPayment, bytes = request) => callPaid(service.client, `/${SAY}`, bytes, payment);

  const rows = async () => {
    const { rows } = await service.pool.query(
      `select (select count(*) from provider.call)::int as calls, (select count(*) from provider.job)::int as jobs`,
    );
    return rows[0];
  };

  async function settler(link: ChainLink = chain) {
    const claiming = await startSettler(link, service, operatorWallet);
    settlers.push(claiming);
    const settling = new JobSettler({
      ledger: service.ledger,
      chain: service.view,
      claimants: [{ asset, tenure: 1, sender: claiming.sender }],
      onError: (error) => {
        throw error;
      },
    });
    return { settling, sender: claiming.sender };
  }

  test('is served with a receipt of the job, and its answer handed in and paid when it is accepted', async () => {
    const job = await newJob();
    const call = say();
    const { bytes, receipt, outcome, error } = await pay(payByJob(chain, job, call));
    expect([error, outcome, textOf(bytes)]).toEqual([undefined, 'charged', 'the whole book']);
    const deliverable = messageDigest(bytes!);
    expect(receipt).toMatchObject({ amount: 100n, asset, tenure: 1, outcome: 'complete' });
    expect(Buffer.from(receipt!.account)).toEqual(Buffer.from(job.jobId));
    expect(Buffer.from(receipt!.commitment)).toEqual(hashCall(call));
    const hash = signingHash(escrowDomain(domainOf(chain)), hashReceipt(receipt!));
    expect(signedBy(service.operator.address, hash, receipt!.signature)).toBe(true);

    const { settling } = await settler();
    await settling.settleNow();
    const waiting = async () => (await service.ledger.epochs.waiting({ asset, tenure: 1 }, 100)).receipts;
    expect(await waiting()).toBe(0);
    expect(await chain.jobs.step(job.jobId, 0)).toMatchObject({ status: 'submitted' });
    expect(Buffer.from((await chain.jobs.step(job.jobId, 0)).deliverable)).toEqual(deliverable);
    expect(await service.ledger.jobs.job(job.jobId, 0)).toMatchObject({ state: 'SUBMITTED', paid: 0n });
    await send(client(), chain.jobs.completeInPart(job.jobId, 0, deliverable, 60n));
    await settling.settleNow();
    expect(await service.ledger.jobs.job(job.jobId, 0)).toMatchObject({ state: 'PAID', paid: 60n });
    expect(await service.ledger.jobs.open()).toEqual([]);
    expect(await waiting()).toBe(1);
    const epoch = await service.ledger.epochs.make({ asset, tenure: 1 }, 1n);
    expect(await service.ledger.epochs.leaves(epoch!)).toEqual([{ receiptDigest: hash, amount: 100n }]);
  });

  test('I7 the same call again gets the stored answer, without another step or a second run', async () => {
    const job = await newJob();
    const payment = payByJob(chain, job, say());
    const [first, joined] = await Promise.all([pay(payment), pay(payment)]);
    const again = await pay(payment);
    for (const reply of [first, joined, again]) expect(textOf(reply.bytes)).toBe('the whole book');
    expect(again.receipt).toEqual(first.receipt);
    expect(service.calls).toHaveLength(1);
  });

  test('is answered from what is stored after the provider handed it in', async () => {
    const job = await newJob();
    const payment = payByJob(chain, job, say());
    await pay(payment);
    await (await settler()).settling.settleNow();
    expect((await pay(payment)).outcome).toBe('charged');
    expect(service.calls).toHaveLength(1);
  });

  test('a step pays for one call, whoever asks at the same time', async () => {
    const job = await newJob();
    const replies = await Promise.all([pay(payByJob(chain, job, say())), pay(payByJob(chain, job, say()))]);
    expect(replies.filter(({ outcome }) => outcome === 'charged')).toHaveLength(1);
    expect(await pay(payByJob(chain, job, say()))).toMatchObject({
      outcome: 'not-charged',
      error: { reason: 'JOB_UNFIT', details: { field: 'job.step' } },
    });
    expect(service.calls).toHaveLength(1);
  });

  test('serves its own step of a job with several providers', async () => {
    const other = await publishEcho(chain);
    const job = await fundJob(chain, client(), [{ asset: other.asset, tenure: 1, amount: 7n }, order()]);
    const reply = await pay(payByJob(chain, job, say(), { step: 1 }));
    await (await settler()).settling.settleNow();
    const steps = await Promise.all([0, 1].map((step) => chain.jobs.step(job.jobId, step)));
    expect([reply.outcome, ...steps.map(({ status }) => status)]).toEqual(['charged', 'funded', 'submitted']);
  });

  test('two replicas that serve two calls of one step keep one of them', async () => {
    const job = await newJob();
    const other = await startPaidService({ chain, databaseUrl, listing: service.listing, operator: service.operator });
    const one = payByJob(chain, job, say());
    const two = payByJob(chain, job, say());
    let through = () => {};
    const between = new Promise<void>((resolve) => {
      through = resolve;
    });
    service.handlers.say = async (words) => {
      await between; // the other replica is done by then
      return words;
    };
    const late = pay(one);
    const early = await callPaid(other.client, `/${SAY}`, request, two);
    through();
    service.handlers.say = (words) => words;
    expect([early.outcome, (await late).outcome].sort()).toEqual(['charged', 'not-charged']);
    await other.stop();
  });

  describe('is refused, with nothing written and nothing run, when', () => {
    const stranger = () => chain.account(6);
    const cases: [string, string, () => Promise<JobPayment>][] = [
      [
        'a stranger signs for a job of somebody else',
        'BAD_SIGNATURE',
        async () => payByJob(chain, await newJob(), say(), { signer: stranger() }),
      ],
      [
        'a stranger says that a job of somebody else is his',
        'BAD_SIGNATURE',
        async () =>
          payByJob(chain, { ...(await newJob()), client: stranger() } as FundedJob, say(), { signer: stranger() }),
      ],
      [
        'the signature is for another step',
        'BAD_SIGNATURE',
        async () => {
          const payment = payByJob(chain, await fundJob(chain, client(), [order(), order()]), say());
          return { ...payment, job: { ...payment.job, step: 1 } };
        },
      ],
      [
        'the signature is for another call',
        'BAD_SIGNATURE',
        async () => ({ ...payByJob(chain, await newJob(), say()), call: say() }),
      ],
      [
        'it is for another request',
        'REQUEST_MISMATCH',
        async () => {
          const call = service.call(SAY, text('another'), 100n);
          return payByJob(chain, await newJob(), call);
        },
      ],
      [
        'the chain has no such job',
        'JOB_UNKNOWN',
        async () => payByJob(chain, { ...(await newJob()), jobId: randomBytes(32) }, say()),
      ],
      ['the job has no such step', 'JOB_UNKNOWN', async () => payByJob(chain, await newJob(), say(), { step: 1 })],
      [
        'the step is of no number',
        'PAYMENT_MALFORMED',
        async () => payByJob(chain, await newJob(), say(), { step: 16 }),
      ],
      [
        'the step holds less than the call may cost',
        'JOB_UNFIT',
        async () => payByJob(chain, await newJob({}, 99n), say()),
      ],
      [
        'the call may cost less than the price',
        'MAX_AMOUNT_TOO_LOW',
        async () => payByJob(chain, await newJob(), say(99n)),
      ],
      [
        'the job ends too soon',
        'JOB_UNFIT',
        async () => payByJob(chain, await newJob({ expiresAtSec: (await chain.nowSec()) + 800 }), say()),
      ],
      [
        'the job was rejected',
        'JOB_UNFIT',
        async () => {
          const job = await newJob();
          await send(client(), chain.jobs.reject(job.jobId, 0));
          return payByJob(chain, job, say());
        },
      ],
      [
        'the step pays another asset',
        'WRONG_TERMS',
        async () => {
          const other = await publishEcho(chain);
          return payByJob(chain, await fundJob(chain, client(), [{ ...order(), asset: other.asset }]), say());
        },
      ],
    ];

    test.each(cases)('%s', async (_, reason, make) => {
      const payment = await make();
      const before = await rows();
      expect(await pay(payment)).toMatchObject({ error: { reason }, outcome: 'not-charged', bytes: undefined });
      expect(await rows()).toEqual(before);
      expect(service.calls).toEqual([]);
    });

    test('it would pay a stream', async () => {
      const payment = payByJob(chain, await newJob({}, 1_000n), service.call(FLOW, request, 1_000n));
      const reply = await callRaw(service.client, `/${FLOW}`, request, {
        metadata: metadataOf(payment),
        deadlineMs: 20_000,
      });
      expect(reply.error).toMatchObject({
        reason: 'JOB_UNFIT',
        message: expect.stringContaining('not for a stream: pay through a channel'),
      });
    });
  });

  test('money counts once it is as deep as deposits have to be', async () => {
    const careful = await startPaidService({
      chain,
      databaseUrl: await createDatabase(),
      listing: service.listing,
      operator: service.operator,
      confirmations: 2,
    });
    const payment = payByJob(chain, await newJob(), say());
    const ask = () => callPaid(careful.client, `/${SAY}`, request, payment);
    expect((await ask()).error).toMatchObject({ reason: 'JOB_UNKNOWN', retryable: true });
    await chain.provider.send('anvil_mine', ['0x2']);
    expect((await ask()).outcome).toBe('charged');
    await careful.stop();
  });

  describe('a provider that is careful', () => {
    const other = (limits: Parameters<typeof startPaidService>[0]['limits']) =>
      createDatabase().then((url) =>
        startPaidService({
          chain,
          databaseUrl: url,
          listing: service.listing,
          operator: service.operator,
          limits: limits!,
        }),
      );
    const ask = async (from: PaidService, change: Parameters<typeof fundJob>[3] = {}) =>
      await callPaid(from.client, `/${SAY}`, request, payByJob(chain, await newJob(change), say()));

    test('takes none, or none that its client evaluates himself', async () => {
      const none = await other({ jobs: 'none' });
      expect((await ask(none)).error).toMatchObject({ reason: 'JOB_UNFIT' });
      await none.stop();
      const others = await other({ jobs: 'others' });
      expect((await ask(others)).error).toMatchObject({ reason: 'JOB_UNFIT', details: { field: 'job' } });
      expect((await ask(others, { evaluator: chain.account(7).address })).outcome).toBe('charged');
      await others.stop();
    });

    test('I6 serves a client no more jobs when all of them come at once', async () => {
      const bounded = await other({ maxOpenJobs: 3, newChannelBurst: 1_000 });
      const funded = await fundJob(
        chain,
        client(),
        Array.from({ length: 8 }, () => order()),
      );
      let through = () => {};
      const judged = new Promise<void>((resolve) => {
        through = resolve;
      });
      bounded.handlers.say = async (words) => {
        await judged;
        return words;
      };
      let refused = 0;
      const asked = funded.terms.orders.map(async (_, step) => {
        const reply = await callPaid(bounded.client, `/${SAY}`, request, payByJob(chain, funded, say(), { step }));
        if (reply.error !== undefined) refused += 1;
        if (refused === 5) through();
        return reply;
      });
      const replies = await Promise.all(asked);
      const errors = replies.flatMap(({ error }) => (error === undefined ? [] : [error]));
      expect(errors).toHaveLength(5);
      for (const error of errors) expect(error).toMatchObject({ reason: 'OVERLOADED', retryable: true });
      expect(bounded.calls).toHaveLength(3);
      await bounded.stop();
    });

    test('I6 serves a client so many jobs that nobody evaluated, and so many that were not paid, and no more', async () => {
      const bounded = await other({ maxOpenJobs: 3, maxUnpaidJobs: 2 });
      for (let i = 0; i < 3; i++) expect((await ask(bounded)).outcome).toBe('charged');
      expect((await ask(bounded)).error).toMatchObject({ reason: 'OVERLOADED', retryable: true });
      for (const job of await bounded.ledger.jobs.open()) await bounded.ledger.jobs.mark(job, 'UNPAID');
      expect((await ask(bounded)).error).toMatchObject({
        reason: 'JOB_UNFIT',
        details: { unpaid: '3', maxUnpaidJobs: '2' },
      });
      expect(bounded.calls).toHaveLength(3);
      await bounded.stop();
    });
  });

  test('it is handed in, however many others of the provider wait for their evaluation', async () => {
    await service.pool.query(
      `insert into provider.job
         (id, step, payer, call_id, asset, tenure, amount, deliverable, expires_at_sec, review_sec, state)
       select sha256(n::text::bytea), 0, 'waiting', '', $1, 1, 100, '', 1, 3600, 'SUBMITTED' from generate_series(1, 500) as n`,
      [String(asset)],
    );
    const job = await newJob();
    await pay(payByJob(chain, job, say()));
    await (await settler()).settling.settleNow();
    expect(await chain.jobs.step(job.jobId, 0)).toMatchObject({ status: 'submitted' });
    await service.pool.query(`delete from provider.job where payer = 'waiting'`);
  });

  test('it is handed in once, though two replicas look at it', async () => {
    const wire = await startRpcProxy(chain.rpcUrl);
    const provider = await connectChain(wire.url);
    const job = await newJob();
    await pay(payByJob(chain, job, say()));
    const [one, two] = [await settler({ ...chain, provider }), await settler({ ...chain, provider })];
    const sent = () => operatorWallet.getNonce();
    const before = await sent();
    let tries = 0;
    wire.decide((method) => (method === 'eth_sendRawTransaction' && ++tries === 1 ? 'lose request' : 'pass'));
    const first = one.settling.settleNow();
    while (tries === 0) await chain.provider.getBlockNumber();
    await two.settling.settleNow(); // the other's transaction is stored, and on its way
    await one.sender.resume();
    await first;
    expect((await sent()) - before).toBe(1);
    expect(await chain.jobs.step(job.jobId, 0)).toMatchObject({ status: 'submitted' });
    provider.destroy();
  });

  test('nobody evaluates: the provider is paid when the review is over', async () => {
    const job = await newJob();
    await pay(payByJob(chain, job, say()));
    const { settling } = await settler();
    await settling.settleNow();
    await chain.advance(3_700);
    await settling.settleNow();
    await settling.settleNow();
    expect(await service.ledger.jobs.job(job.jobId, 0)).toMatchObject({ state: 'PAID', paid: 100n });
  });

  test('it is rejected: nothing is owed, and the settler lets it go', async () => {
    const job = await newJob();
    await pay(payByJob(chain, job, say()));
    const { settling } = await settler();
    await settling.settleNow();
    await send(client(), chain.jobs.reject(job.jobId, 0));
    await settling.settleNow();
    expect(await service.ledger.jobs.job(job.jobId, 0)).toMatchObject({ state: 'UNPAID', paid: 0n });
  });
});
