import { randomBytes } from 'node:crypto';
import { getBytes, type HDNodeWallet } from 'ethers';
import { type Chain, startChain } from '#test/support/chain.js';
import { mintedAsset } from './assets.js';
import { send } from './chain.js';
import { type JobTerms, jobIdOf, parseJobsLogs } from './jobs.js';

describe('the bindings of jobs on a real chain', () => {
  let chain: Chain;
  let client: HDNodeWallet;
  let evaluator: HDNodeWallet;
  let operator: HDNodeWallet;
  let asset: bigint;

  beforeAll(async () => {
    chain = await startChain();
    [client, operator, evaluator] = [chain.account(2), chain.account(3), chain.account(5)];
    const minted = await send(chain.account(1), chain.assets.mint({ operator: operator.address }));
    asset = mintedAsset(minted, chain.deployment.assets);
    await send(client, chain.token.mint(client.address, 100_000n));
  });
  afterAll(() => chain.stop());

  const newTerms = async (...amounts: bigint[]): Promise<JobTerms> => ({
    evaluator: evaluator.address,
    expiresAtSec: (await chain.nowSec()) + 7_200,
    reviewSec: 3_600,
    brief: randomBytes(32),
    salt: randomBytes(32),
    orders: amounts.map((amount) => ({ asset, tenure: 1, amount })),
  });

  async function funded(...amounts: bigint[]) {
    const terms = await newTerms(...amounts);
    const sum = amounts.reduce((total, amount) => total + amount, 0n);
    const permit = await chain.token.permit(client, chain.jobs.address, sum, terms.expiresAtSec);
    const receipt = await send(client, chain.jobs.fundWithPermit(terms, permit));
    return { terms, jobId: await chain.jobs.jobId(client.address, terms), from: receipt.blockNumber };
  }

  it('fund with a permit, read back what the chain keeps, and refuse the same job twice', async () => {
    const { terms, jobId } = await funded(300n, 200n);
    const { chainId } = chain.deployment;
    expect(jobIdOf(terms, client.address, { chainId, jobs: chain.jobs.address })).toEqual(jobId);
    expect(await chain.jobs.job(jobId)).toEqual({
      client: getBytes(client.address),
      evaluator: getBytes(evaluator.address),
      expiresAtSec: terms.expiresAtSec,
      reviewSec: 3_600,
      steps: 2,
    });
    expect(await chain.jobs.step(jobId, 1)).toEqual({
      asset,
      tenure: 1,
      amount: 200n,
      submittedAtSec: 0,
      status: 'funded',
      deliverable: new Uint8Array(32),
    });
    await expect(send(client, chain.jobs.fund(terms))).rejects.toMatchObject({ details: { revert: 'JobExists' } });
    expect((await chain.jobs.job(randomBytes(32))).client).toEqual(new Uint8Array(20));
  });

  it('complete whole, complete in part, reject; every event tells what became of the money', async () => {
    const income = () => chain.escrow.income(asset, 1);
    const [before, back] = [await chain.token.balanceOf(chain.jobs.address), await income()];
    const { jobId, from } = await funded(300n, 200n, 100n);
    const deliverable = randomBytes(32);
    for (const step of [0, 1, 2]) await send(operator, chain.jobs.submit(jobId, step, deliverable));
    await send(evaluator, chain.jobs.complete(jobId, 0, deliverable));
    await send(evaluator, chain.jobs.completeInPart(jobId, 1, deliverable, 50n));
    await send(evaluator, chain.jobs.reject(jobId, 2));
    const statuses = await Promise.all([0, 1, 2].map(async (step) => (await chain.jobs.step(jobId, step)).status));
    expect(statuses).toEqual(['completed', 'completed', 'rejected']);
    const events = await chain.jobs.events(from, 'latest', jobId);
    expect(events.map((event) => [event.name, 'step' in event ? event.step : undefined])).toEqual([
      ['JobFunded', undefined],
      ['JobSubmitted', 0],
      ['JobSubmitted', 1],
      ['JobSubmitted', 2],
      ['JobCompleted', 0],
      ['PaymentReleased', 0],
      ['JobCompleted', 1],
      ['Refunded', 1],
      ['PaymentReleased', 1],
      ['JobRejected', 2],
      ['Refunded', 2],
    ]);
    const paid = events.flatMap((event) => (event.name === 'PaymentReleased' ? [event.amount] : []));
    expect(paid).toEqual([300n, 50n]);
    expect(await chain.jobs.balanceOf(client.address)).toBe(250n);
    const receipt = await send(client, chain.jobs.withdraw(250n, client.address));
    expect(parseJobsLogs(receipt.logs, chain.jobs.address)).toMatchObject([{ name: 'Withdrawn', amount: 250n }]);
    expect(await chain.token.balanceOf(chain.jobs.address)).toBe(before);
    expect(await income()).toEqual(back); // jobs earn through Revenue alone
  });

  it('refund what nobody worked on, pay what nobody evaluated', async () => {
    const { jobId, from } = await funded(70n, 30n);
    await send(operator, chain.jobs.submit(jobId, 0, randomBytes(32)));
    await expect(send(client, chain.jobs.claimPayment(jobId, 0))).rejects.toMatchObject({
      details: { revert: 'ReviewNotOver' },
    });
    await chain.advance(7_300);
    await send(operator, chain.jobs.claimPayment(jobId, 0));
    await send(operator, chain.jobs.claimRefund(jobId));
    const events = await chain.jobs.events(from, 'latest', jobId);
    expect(events.slice(2).map(({ name }) => name)).toEqual([
      'JobCompleted',
      'PaymentReleased',
      'JobExpired',
      'Refunded',
    ]);
    expect((await chain.jobs.step(jobId, 1)).status).toBe('expired');
  });
});
