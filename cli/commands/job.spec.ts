import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type HDNodeWallet, Wallet } from 'ethers';
import { openQuote } from '#client/quote.js';
import { mintedAsset } from '#contracts/assets.js';
import { send } from '#contracts/chain.js';
import { deploymentFile, writeDeployment } from '#contracts/deployment.js';
import { toHex } from '#core/hex.js';
import { JobSettler } from '#payments/provider/job-settler.js';
import { ProviderKeys } from '#services/models/provider/provider-keys.js';
import { runHere } from '#test/support/cli.js';
import { ECHO, type EchoMarket, startEchoMarket } from '#test/support/echo-market.js';
import { fundJob } from '#test/support/jobs.js';
import { text } from '#test/support/paid-service.js';
import { startSettler } from '#test/support/settling.js';
import { commandsFor } from './index.js';

let market: EchoMarket;
let operator: HDNodeWallet;
let evaluator: HDNodeWallet;
let asset: bigint;
let keyFile: string;

beforeAll(async () => {
  market = await startEchoMarket();
  const { chain } = market;
  [operator, evaluator] = [chain.account(3), chain.account(8)];
  asset = mintedAsset(
    await send(chain.account(7), chain.assets.mint({ operator: operator.address })),
    chain.deployment.assets,
  );
  await writeDeployment(deploymentFile(market.home), chain.deployment);
  keyFile = join(market.home, 'evaluator.key');
  writeFileSync(keyFile, evaluator.privateKey, { mode: 0o600 });
});
afterAll(() => market?.stop());

const run = async (...argv: string[]) => runHere(await commandsFor(argv), argv, market.home);
const json = async (...argv: string[]) => {
  const { out, code, err } = await run(...argv, '--json');
  if (code !== 0) throw new Error(err);
  return JSON.parse(out) as Record<string, unknown>;
};

/** A job of two steps, of which the first is handed in. */
async function handedIn() {
  const { chain } = market;
  const order = { asset, tenure: 1, amount: 500n };
  const { jobId } = await fundJob(chain, chain.account(4), [order, order], { evaluator: evaluator.address });
  const deliverable = randomBytes(32);
  await send(operator, chain.jobs.submit(jobId, 0, deliverable));
  return { id: toHex(jobId), jobId, deliverable };
}

test('shows a job with its steps', async () => {
  const { id, deliverable } = await handedIn();
  const { code, out } = await run('job', 'show', id);
  expect(code).toBe(0);
  expect(out).toContain(`evaluator  ${evaluator.address.toLowerCase()}`);
  expect(out).toMatch(new RegExp(`^ +0 +${asset} +1 +submitted +500 .*${toHex(deliverable)}$`, 'm'));
  expect(out).toMatch(new RegExp(`^ +1 +${asset} +1 +funded +500$`, 'm'));
  expect(await json('job', 'show', id)).toMatchObject({ jobId: id, steps: [{ amount: '500' }, { status: 'funded' }] });
});

test("a person completes whole, in part, and rejects, with the evaluator's key", async () => {
  const { chain } = market;
  const whole = await handedIn();
  const { code, out } = await run('job', 'complete', whole.id, '0', '--as', keyFile);
  expect([code, out]).toEqual([0, 'completed: 500 of 500 went to the provider\n']);
  expect((await run('job', 'reject', whole.id, '1', '--as', keyFile)).out).toContain('rejected: 0 of 500');
  expect([(await chain.jobs.step(whole.jobId, 0)).status, (await chain.jobs.step(whole.jobId, 1)).status]).toEqual([
    'completed',
    'rejected',
  ]);
  const part = await handedIn();
  const digest = toHex(part.deliverable);
  expect(
    await json('job', 'complete', part.id, '0', '--as', keyFile, '--amount', '120', '--deliverable', digest),
  ).toMatchObject({ state: 'COMPLETED', paid: '120', amount: '500' });
  const paid = (await chain.jobs.events(0, 'latest', part.jobId)).find(({ name }) => name === 'PaymentReleased');
  expect(paid).toMatchObject({ amount: 120n });
});

test.each([
  ['what was not handed in', (id: string) => ['complete', id, '1', '--as', keyFile], 'JOB_UNFIT'],
  [
    'another deliverable than was looked at',
    (id: string) => ['complete', id, '0', '--as', keyFile, '--deliverable', toHex(randomBytes(32))],
    'look at that before deciding',
  ],
  ['more than the step holds', (id: string) => ['complete', id, '0', '--as', keyFile, '--amount', '501'], '--amount'],
  ['a part without the key', (id: string) => ['complete', id, '0', '--amount', '1'], '--as'],
  ['a job that the wallet has not funded', (id: string) => ['reject', id, '0'], 'npx weft jobs'],
  ['a step that is no number', (id: string) => ['reject', id, 'first'], 'step must be a number'],
  ['an id that is none', () => ['show', '0x12'], 'INVALID_INPUT'],
  ['a job that is nowhere', () => ['show', toHex(randomBytes(32))], 'NOT_FOUND'],
])('refuses %s, and changes nothing', async (_, make, what) => {
  const { id, jobId } = await handedIn();
  const { code, out, err } = await run('job', ...make(id));
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toContain(what);
  expect((await market.chain.jobs.step(jobId, 0)).status).toBe('submitted');
});

/** A quote whose one step is settled by a job that the wallet evaluates. */
async function openJobQuote() {
  const { wallet, market: offers } = market.weft().parts;
  const quoteId = randomBytes(32);
  const requirement = {
    step: 'say',
    service: ECHO,
    method: `${ECHO}/Say`,
    calls: 1,
    maxPrice: '100',
    choice: { prefer: 'cheapest' as const },
    job: { evaluator: 'workflow' as const, spanSec: 7_200, reviewSec: 3_600 },
  };
  const { pins } = await openQuote({ wallet, market: offers }, { quoteId, requirements: [requirement] });
  return { quoteId, pin: pins[0]! };
}

test("lists the payer's jobs, and rejects one by the wallet that evaluates it", async () => {
  expect((await run('jobs')).out).toBe('no jobs yet\n');
  const { wallet } = market.weft().parts;
  const { quoteId } = await openJobQuote();
  const callId = randomBytes(32);
  const { payment } = await wallet.fundJob({ quoteId, step: 'say', callId, requestDigest: randomBytes(32) });
  const id = toHex(payment.job.jobId);
  const { out } = await run('jobs');
  expect(out).toMatch(/^JOB +METHOD +ASSET +STATE +AMOUNT +PAID +EVALUATOR +EXPIRES$/m);
  expect(out).toMatch(new RegExp(`^${id} +EchoService/Say +1 +funded +100 +0 `, 'm'));
  expect((await run('job', 'reject', id, '0')).out).toBe('rejected: 0 of 100 went to the provider\n');
  expect(await json('jobs')).toMatchObject({ jobs: [{ jobId: id, state: 'REJECTED', amount: '100', paid: '0' }] });
});

test('the receipt of a call that a job paid is proven once the job was paid, on the chain and without it', async () => {
  const { caller, wallet } = market.weft().parts;
  const callId = randomBytes(32);
  const job = await openJobQuote();
  await caller.call({ ...job, callId, request: text('to be proven') });
  await caller.flush();
  const shown = await run('receipt', toHex(callId));
  expect([shown.code, shown.out]).toEqual([0, expect.stringContaining('no proof   its job is not paid')]);

  const operatorWallet = new Wallet(ProviderKeys.open(market.home).operator.privateKey, market.chain.provider);
  const echo = { ...market.echo, listing: market.echo.listed };
  const claiming = await startSettler(market.chain, echo, operatorWallet);
  const claimants = [{ asset: echo.asset, tenure: 1, sender: claiming.sender }];
  const jobs = new JobSettler({ ledger: echo.ledger, chain: echo.view, claimants });
  await jobs.settleNow();
  expect(await wallet.evaluateJob(callId, 'accept')).toMatchObject({ state: 'COMPLETED', paid: 100n });
  await jobs.settleNow();
  await claiming.stop();

  expect((await json('anchor'))['epochs']).toHaveLength(1);
  const file = join(market.home, 'receipt.json');
  const saved = await json('receipt', toHex(callId), '--save', file);
  const { jobId } = (await wallet.job(callId))!;
  expect(saved).toMatchObject({ receipt: { account: toHex(jobId), amount: '100' }, call: { method: `${ECHO}/Say` } });
  const proven = { verified: true, callId: toHex(callId), amount: '100', anchored: { epoch: '1' } };
  expect(await json('verify', file)).toMatchObject({ ...proven, notChecked: [] });
  expect(await json('verify', file, '--offline')).toMatchObject(proven);
  expect((await wallet.call(callId))?.step).toBe('say');
});

describe('refund', () => {
  /** Of two steps one is handed in; the client's key is the file. */
  async function expiring() {
    const { chain } = market;
    const client = chain.account(4);
    const clientKey = join(market.home, 'client.key');
    writeFileSync(clientKey, client.privateKey, { mode: 0o600 });
    return { ...(await handedIn()), client, clientKey, address: client.address.toLowerCase() };
  }

  test('is refused while work may still be handed in, and says until when', async () => {
    const { id, jobId } = await expiring();
    const { code, out, err } = await run('job', 'refund', id);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/too early: work may be handed in until \d{4}-\d\d-\d\d .*JOB_UNFIT/);
    expect((await market.chain.jobs.step(jobId, 1)).status).toBe('funded');
  });

  test('by anyone gives back what nobody worked on, tells of each step, and leaves the rest', async () => {
    const { chain } = market;
    const { id, jobId, client, clientKey, address } = await expiring();
    const evaluated = await handedIn();
    await run('job', 'complete', evaluated.id, '0', '--as', keyFile, '--amount', '120');
    await chain.advance(86_500);
    const { code, out } = await run('job', 'refund', id, '--as', 'stranger');
    expect(code).toBe(0);
    expect(out).toContain(`given back: 500 to ${address}\nit waits in the contract of jobs for ${address}`);
    expect(out).toMatch(/^step 0 {2}handed in: 500 waits for the evaluator until /m);
    expect(out).toMatch(/^step 1 {2}expired: 500 went to the client$/m);
    expect((await chain.jobs.step(jobId, 0)).status).toBe('submitted');

    const again = await run('job', 'refund', id);
    expect({ code: again.code, out: again.out }).toEqual({ code: 1, out: '' });
    expect(again.err).toMatch(/nothing of this job is left to give back: .*step 1 expired: 500 went to the client/);

    // The client fetches that, with what another of his jobs gives back now and gave back before.
    const before = await chain.token.balanceOf(client.address);
    const waits = await chain.jobs.balanceOf(client.address);
    expect(waits).toBeGreaterThan(500n);
    expect(await json('job', 'refund', evaluated.id, '--as', clientKey)).toMatchObject({
      client: address,
      refunded: '500',
      withdrawn: String(waits + 500n),
      steps: [
        { status: 'completed', paid: '120' },
        { status: 'expired', paid: '0' },
      ],
    });
    expect(await chain.token.balanceOf(client.address)).toBe(before + waits + 500n);
    expect((await run('job', 'refund', id, '--as', clientKey)).err).toContain('nothing of this job is left');
  });

  test.each([
    ['a job that is nowhere', toHex(randomBytes(32)), 'NOT_FOUND'],
    ['an id that is none', '0x12', 'INVALID_INPUT'],
  ])('refuses %s', async (_, id, what) => {
    expect((await run('job', 'refund', id)).err).toContain(what);
  });
});
