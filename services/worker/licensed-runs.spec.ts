import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import type { WorkflowBundle } from '@temporalio/worker';
import { send } from '#contracts/chain.js';
import type { LicenceOffer } from '#contracts/licences.js';
import { WeftError } from '#core/errors.js';
import { fromHex, toHex } from '#core/hex.js';
import { runMemo } from '#core/run-memo.js';
import type { LocalWallet } from '#payments/payer/local-wallet.js';
import { readUsage } from '#payments/provider/read-usage.js';
import { ExtractRequest } from '#protos/models/entities/v1/entities.js';
import { runError } from '#services/gateway/runs/run-error.js';
import { goOn } from '#test/fixtures/licensed-workflows.js';
import { offerLicence } from '#test/support/licensing.js';
import { startWallet } from '#test/support/local-wallet.js';
import { type Market, startMarket } from '#test/support/market.js';
import { type PaidRuns, startPaidRuns } from '#test/support/paid-runs.js';
import { type PaidWords, startPaidWords } from '#test/support/paid-words.js';
import { progressQuery } from '#workflows/runtime/progress.js';
import { bundleWorkflows } from './bundle.js';

const DAY_SEC = 86_400;

describe('runs with licences', () => {
  let market: Market;
  /** Dearer than what the workflows allow, and than the second one. */
  let words: PaidWords;
  let second: PaidWords;
  let wallet: LocalWallet;
  let bundle: WorkflowBundle;
  let runs: PaidRuns;

  beforeAll(async () => {
    [market, bundle] = await Promise.all([startMarket(), bundleWorkflows('test/fixtures/licensed-workflows.ts')]);
    words = await startPaidWords(market, { price: 100n });
    second = await startPaidWords(market, { price: 50n });
    wallet = await startWallet(market.chain);
    runs = await startPaidRuns(market, wallet, bundle);
  }, 180_000);

  afterAll(async () => {
    await runs?.parts.caller.flush();
    await wallet?.close();
    await second?.stop();
    await words?.stop();
    await market?.stop();
  });

  beforeEach(() => {
    words.calls.length = 0;
    second.calls.length = 0;
    words.handlers.extract = (text) => text.split(' ').map((word) => ({ type: 'WORD', text: word }));
  });

  const buy = async (terms: Partial<LicenceOffer> = {}, { listing, digest } = words): Promise<string> => {
    const { offerId } = await offerLicence(market.chain, market.chain.account(1), listing.asset, terms);
    return toHex((await wallet.buyLicence({ offerId, listing: digest, maxPrice: undefined })).licenceId);
  };
  const buyPass = (calls: bigint) => buy({ kind: 'pass', calls, spanSec: 0 });
  const start = (workflow: string, args: unknown[], licences: string[], maxTotal = 0n) =>
    runs.start(workflow, args, { memo: runMemo(maxTotal, licences) });
  const failure = async (run: WorkflowHandle): Promise<WeftError> => {
    const thrown = await run.result().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(thrown).toBeInstanceOf(WorkflowFailedError);
    return runError(thrown);
  };
  /** How often a pass was used, by its provider's ledger and by the wallet's. */
  const used = async (licence: string) => {
    await runs.parts.caller.flush();
    const id = fromHex(licence, 'licence', 32);
    const held = (await wallet.licences()).find(({ licenceId }) => toHex(licenceId) === licence);
    return { provider: (await words.ledger.licences.licence(id))?.spent ?? 0n, wallet: held?.signed };
  };

  it('pays nothing for a step that a licence is for, though another provider is cheaper', async () => {
    const licence = await buy();
    const run = await start('counts', [['one two', 'three']], [licence]);
    expect(await run.result()).toEqual([2, 1]);
    expect([words.calls.length, second.calls.length]).toEqual([2, 0]);
    const { quote, paid, steps } = await run.query(progressQuery);
    expect([quote?.total, paid, quote?.transaction]).toEqual(['0', '0', undefined]);
    expect(quote?.pins).toEqual([
      expect.objectContaining({ step: 'entities.extract', asset: '1', maxPerCall: '0', licence }),
    ]);
    for (const step of steps)
      expect(step).toMatchObject({
        status: 'done',
        amount: '0',
        licence,
        receipt: { verified: true, signer: toHex(words.operator.address) },
      });
    // The licence's own price is all that was paid, and no channel holds anything.
    expect(await wallet.channels()).toEqual([]);
  });

  it('counts a stream under it, too, and asks none for what is free', async () => {
    const licence = await buy();
    const run = await start('everyKind', ['a b c'], [licence]);
    expect(await run.result()).toMatchObject({ stream: { verified: true }, free: null });
    const { steps } = await run.query(progressQuery);
    expect(steps.map((step) => step.licence)).toEqual([licence, undefined]);
  });

  it('pays for its other steps from channels, out of what its starter allows', async () => {
    const licence = await buy();
    const run = await start('both', ['one two'], [licence], 50n);
    expect(await run.result()).toBe(4);
    const { quote, paid, steps } = await run.query(progressQuery);
    expect([quote?.total, paid]).toEqual(['50', '50']);
    expect(steps.map(({ amount, licence: by }) => [amount, by])).toEqual([
      ['0', licence],
      ['50', undefined],
    ]);
  });

  it('shares licences with its children', async () => {
    const run = await start('parent', ['one two three'], [await buy()], 1_000_000n);
    expect(await run.result()).toBe(3);
    expect([words.calls, second.calls]).toEqual([['one two three'], []]);
  });

  it('counts a call of a pass once, also when the run is reset to each of its tasks', async () => {
    const licence = await buyPass(3n);
    const run = await start('counts', [['a', 'b c']], [licence]);
    expect(await run.result()).toEqual([1, 2]);
    expect(await used(licence)).toEqual({ provider: 2n, wallet: 2n });
    const { events } = await run.fetchHistory();
    const tasks = (events ?? []).filter(({ workflowTaskCompletedEventAttributes: task }) => task != null);
    expect(tasks.length).toBeGreaterThan(1);
    for (const { eventId } of tasks) {
      const { runId } = await runs.client.workflowService.resetWorkflowExecution({
        namespace: 'default',
        workflowExecution: { workflowId: run.workflowId, runId: run.firstExecutionRunId },
        workflowTaskFinishEventId: eventId ?? null,
        requestId: `reset ${run.workflowId} ${eventId}`,
        reason: 'T33',
      });
      const again = runs.client.workflow.getHandle(run.workflowId, runId ?? undefined);
      expect(await again.result()).toEqual([1, 2]);
    }
    expect(await used(licence)).toEqual({ provider: 2n, wallet: 2n });
    expect(words.calls.sort()).toEqual(['a', 'b c']);
  });

  it('gives a call back to the pass when the service refuses it', async () => {
    const licence = await buyPass(3n);
    words.handlers.extract = () => {
      throw new WeftError('TEXT_TOO_LONG', 'too long');
    };
    expect(await failure(await start('counts', [['a']], [licence]))).toMatchObject({ reason: 'TEXT_TOO_LONG' });
    expect((await used(licence)).provider).toBe(0n);
    words.handlers.extract = (text) => [{ type: 'WORD', text }];
    expect(await (await start('counts', [['a', 'b', 'c']], [licence])).result()).toEqual([1, 1, 1]);
    expect(await used(licence)).toEqual({ provider: 3n, wallet: 3n });
  });

  describe('does not begin, and pays nothing,', () => {
    const refused = async (licences: string[], workflow = 'counts', arg: unknown = ['a'], maxTotal = 1_000_000n) => {
      const before = await wallet.account();
      const run = await start(workflow, [arg], licences, maxTotal);
      const error = await failure(run);
      expect([words.calls, second.calls]).toEqual([[], []]);
      expect(await wallet.account()).toEqual(before);
      return error;
    };

    it('when a pass has fewer calls left than it may make', async () => {
      const licence = await buyPass(3n);
      await (await start('counts', [['a']], [licence])).result();
      words.calls.length = 0;
      expect(await refused([licence])).toMatchObject({
        reason: 'LICENCE_USED_UP',
        message: expect.stringContaining('has 2 calls left, and up to 3 may be made with it; name another, or none'),
        details: { licence, left: '2', wanted: '3' },
      });
    });

    it('when the licence is over', async () => {
      const ended = await buy({ kind: 'rental', refundable: true, revocable: true });
      await send(market.chain.account(1), market.chain.licences.revoke(fromHex(ended, 'licence', 32)));
      expect(await refused([ended])).toMatchObject({ reason: 'LICENCE_ENDED', details: { licence: ended } });
    });

    it('when it calls nothing there that the licence could admit', async () => {
      const elsewhere = await buy({}, second);
      expect(await refused([elsewhere], 'byJob')).toMatchObject({ reason: 'LICENCE_FOREIGN' });
      // A job is not paid by a licence, and nobody who named one expects to pay.
      const licence = await buy();
      expect(await refused([licence], 'byJob')).toMatchObject({
        reason: 'LICENCE_FOREIGN',
        message: expect.stringContaining('is for asset 1 in tenure 1, and admits nothing that is called here'),
      });
    });

    it('when two licences are for the same asset', async () => {
      expect(await refused([await buy(), await buy()])).toMatchObject({
        reason: 'INVALID_INPUT',
        message: expect.stringContaining('two are for asset 1'),
      });
    });

    it('when nobody, or somebody else, holds it', async () => {
      expect(await refused([`0x${'ab'.repeat(32)}`])).toMatchObject({ reason: 'NOT_FOUND' });
      const other = await startWallet(market.chain, { account: 4 });
      const { offerId } = await offerLicence(market.chain, market.chain.account(1), words.listing.asset);
      const { licenceId } = await other.buyLicence({ offerId, listing: words.digest, maxPrice: undefined });
      await other.close();
      expect(await refused([toHex(licenceId)])).toMatchObject({
        reason: 'NOT_FOUND',
        message: expect.stringContaining('is none of this wallet’s'),
      });
    });

    it.each([['0x12'], ['0xzz'], [`0x${'1'.repeat(66)}`]])('when its memo names %s', async (id) => {
      expect(await refused([id])).toMatchObject({
        reason: 'INVALID_INPUT',
        details: { field: 'memo.weft.licences[0]' },
      });
    });
  });

  describe('fails and says what to do, and is never paid from a channel,', () => {
    const untilFirst = async (run: WorkflowHandle) => {
      while ((await run.query(progressQuery)).steps[0]?.status !== 'done')
        await new Promise((resolve) => setTimeout(resolve, 20));
    };
    const expectNothingPaid = async (run: WorkflowHandle, licence: string) => {
      const { paid, steps } = await run.query(progressQuery);
      expect(paid).toBe('0');
      expect(steps).toMatchObject([
        { status: 'done', licence },
        { status: 'failed', licence, amount: '0', receipt: null },
      ]);
    };

    it('when the licence is revoked in the middle', async () => {
      const licence = await buy({ kind: 'rental', refundable: true, revocable: true });
      const before = await wallet.channels();
      const run = await start('interrupted', ['a'], [licence], 1_000_000n);
      await untilFirst(run);
      await send(market.chain.account(1), market.chain.licences.revoke(fromHex(licence, 'licence', 32)));
      await run.signal(goOn);
      expect(await failure(run)).toMatchObject({
        reason: 'LICENCE_ENDED',
        message: `licence ${licence} does not admit entities.extract: the licence was revoked; buy another; start again with another licence, or with none, which pays by the call`,
        details: { step: 'entities.extract', licence, end: 'revoked' },
      });
      await expectNothingPaid(run, licence);
      expect(await wallet.channels()).toEqual(before);
    });

    it('when its quote was closed and calls outside of runs have used the pass up, which they cannot before', async () => {
      const licence = await buyPass(4n);
      const run = await start('interrupted', ['a'], [licence], 1_000_000n);
      await untilFirst(run);
      const other = await start('counts', [['x', 'y', 'z']], [licence]);
      expect(await failure(other)).toMatchObject({ reason: 'LICENCE_USED_UP', details: { licence } });
      expect((await other.query(progressQuery)).steps).toEqual([]);
      const quoteId = fromHex((await run.query(progressQuery)).quote!.quoteId, 'quoteId', 32);
      const [pin] = (await wallet.quoteStatus(quoteId)).pins;
      const request = ExtractRequest.encode({ text: 'x' }).finish();
      const call = () =>
        runs.parts.caller.call({ quoteId: randomBytes(32), pin: pin!, callId: randomBytes(32), request });
      for (let spare = 4 - pin!.calls; spare > 0; spare--) await call();
      await expect(call()).rejects.toMatchObject({ reason: 'LICENCE_USED_UP', details: { left: '0' } });
      await wallet.closeQuote(quoteId);
      for (let left = pin!.calls - 1; left > 0; left--) await call();
      await run.signal(goOn);
      expect(await failure(run)).toMatchObject({ reason: 'LICENCE_USED_UP', details: { licence } });
      await expectNothingPaid(run, licence);
      expect((await used(licence)).provider).toBe(4n);
    });

    it('when the licence runs out in the middle', async () => {
      const licence = await buy({ kind: 'rental', spanSec: DAY_SEC });
      const run = await start('interrupted', ['a'], [licence]);
      await untilFirst(run);
      await market.chain.advance(DAY_SEC + 10);
      await run.signal(goOn);
      expect(await failure(run)).toMatchObject({ reason: 'LICENCE_EXPIRED', details: { licence } });
      await expectNothingPaid(run, licence);
      expect(await failure(await start('counts', [['a']], [licence]))).toMatchObject({ reason: 'LICENCE_EXPIRED' });
    });
  });

  it('is counted alike by payer and provider: calls, units and amounts', async () => {
    await runs.parts.caller.flush();
    const days = { fromDay: 0, toDay: 2 ** 32 - 1 };
    const byAsset = async (asset: bigint) => (await wallet.usage(days)).filter((row) => row.asset === asset);
    for (const { pool, listing } of [words, second]) {
      const served = await readUsage(pool, listing.asset, days);
      expect(served.reduce((sum, { calls }) => sum + calls, 0n)).toBeGreaterThan(0n);
      expect(await byAsset(listing.asset)).toEqual(served);
    }
  });

  it('I13 replays every history that this file has made', async () => {
    expect(await runs.replayAll()).toBeGreaterThan(10);
  });
});
