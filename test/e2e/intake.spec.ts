import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { WorkflowBundle } from '@temporalio/worker';
import sharp from 'sharp';
import { packageRoot } from '#platform/home.js';
import { runError } from '#services/gateway/runs/run-error.js';
import { bundleWorkflows, shippedWorkflows } from '#services/worker/bundle.js';
import { type EchoMarket, startEchoMarket } from '#test/support/echo-market.js';
import { startPaidModels } from '#test/support/paid-models.js';
import { type PaidRuns, startPaidRuns } from '#test/support/paid-runs.js';
import type { IntakeOutput } from '#workflows/intake.js';
import { progressQuery } from '#workflows/runtime/progress.js';

const root = packageRoot();

/*
 * The pipeline `intake` on the real models. With WEFT_RECORD=1 the histories of its runs replace those in
 * workflows/histories, which is wanted for a new version only: old ones must go on replaying.
 */
describe('intake', () => {
  let market: EchoMarket;
  let runs: PaidRuns;
  let bundle: WorkflowBundle;
  let scan: Buffer;
  let smallScan: Buffer;

  beforeAll(async () => {
    [market, bundle, scan, smallScan] = await Promise.all([
      startEchoMarket(),
      bundleWorkflows(shippedWorkflows),
      readFile(join(root, 'examples/scan.png')),
      readFile(join(root, 'examples/small-scan.png')),
    ]);
    await startPaidModels(market);
    runs = await startPaidRuns(market.market, market.wallet, bundle);
  }, 240_000);

  afterAll(async () => {
    await runs?.parts.caller.flush();
    await market?.stop();
  });

  const spent = async (): Promise<bigint> => {
    await runs.parts.caller.flush();
    return (await market.wallet.channels()).reduce((sum, { settled }) => sum + settled, 0n);
  };

  /** A run to its end; what it paid must be the sum of its steps, and what left the wallet. */
  const take = async (image: Uint8Array) => {
    const before = await spent();
    const run: WorkflowHandle = await runs.start('intake', [{ image }]);
    const output = (await run.result()) as IntakeOutput;
    const { steps, paid, quote } = await run.query(progressQuery);
    const sum = steps.reduce((all, { amount }) => all + BigInt(amount), 0n);
    expect(BigInt(paid)).toBe(sum);
    expect((await spent()) - before).toBe(sum);
    expect(sum).toBeLessThanOrEqual(BigInt(quote?.total ?? 0));
    for (const { status, receipt } of steps) {
      expect(status).toBe('done');
      expect(receipt?.verified).toBe(true);
    }
    return { run, output, names: steps.map(({ step }) => step) };
  };

  /** That the history replays on this code, and if wanted its record for those to come. */
  const keep = async (run: WorkflowHandle, name: string) => {
    const history = await run.fetchHistory();
    await runs.replay(history, name);
    if (process.env['WEFT_RECORD'] === '1')
      await writeFile(join(root, 'workflows/histories', `${name}.json`), historyToJSON(history));
  };

  it('takes in a scanned page: moderation and OCR side by side, then the text', async () => {
    const { run, output, names } = await take(scan);
    expect(output.text).toContain('Thank you for your order');
    expect(output.moderation.safe).toBe(true);
    expect(output.language).toMatchObject({ language: 'en' });
    expect(output.entities.length).toBeGreaterThan(0);
    expect(output.sentiment).toBeGreaterThan(0);
    expect(names).toEqual([
      'moderation.classify',
      'ocr.recognize',
      'language.identify',
      'entities.extract',
      'entities.sentiment',
    ]);
    const { events } = await run.fetchHistory();
    const scheduled = (events ?? []).flatMap((event) => event.activityTaskScheduledEventAttributes ?? []);
    const [, moderation, ocr] = scheduled.map(({ workflowTaskCompletedEventId: task }) => String(task));
    expect(moderation).toBe(ocr);
  }, 120_000);

  it('I13 replays a run on a scan that is read as it is', async () => {
    const line = await sharp(scan).extract({ left: 80, top: 60, width: 640, height: 200 }).png().toBuffer();
    const { run, output, names } = await take(line);
    expect(output.text.length).toBeGreaterThan(5);
    expect(names).not.toContain('superResolution.upscale');
    await keep(run, 'intake-1-read-as-it-is');
  }, 120_000);

  it('I13 enlarges a small scan before it is read, and replays', async () => {
    const { run, output, names } = await take(smallScan);
    expect(names.indexOf('superResolution.upscale')).toBeLessThan(names.indexOf('ocr.recognize'));
    expect(names).toContain('superResolution.upscale');
    expect(output.text.length).toBeGreaterThan(20);
    await keep(run, 'intake-1-small-scan');
  }, 120_000);

  it('I13 asks nothing of the text services where there is no text, and replays', async () => {
    const blank = await sharp({ create: { width: 500, height: 300, channels: 3, background: 'white' } })
      .png()
      .toBuffer();
    const { run, output, names } = await take(blank);
    expect(output).toMatchObject({ text: '', language: null, entities: [], sentiment: null });
    expect(names.sort()).toEqual(['moderation.classify', 'ocr.recognize']);
    await keep(run, 'intake-1-no-text');
  }, 120_000);

  it.each([
    ['nothing', new Uint8Array()],
    ['a text', Buffer.from('this is not a picture')],
    ['half a picture', 'half'],
  ])(
    'says clearly that %s is no picture, and charges nothing',
    async (_what, given) => {
      const image = given === 'half' ? scan.subarray(0, 400) : (given as Uint8Array);
      const before = await spent();
      const run = await runs.start('intake', [{ image }]);
      const failure = runError(await run.result().catch((error: unknown) => error));
      expect(failure.reason).toBe('BAD_IMAGE');
      expect(await spent()).toBe(before);
    },
    60_000,
  );
});
