import { ApplicationFailure } from '@temporalio/common';
import { condition, defineSignal, setHandler } from '@temporalio/workflow';
import { type Progress, progressQuery, type StepProgress } from '#workflows/runtime/progress.js';

/** Ends the next step of a `slow` run. */
export const endStepSignal = defineSignal('endStep');

const step = (n: number): StepProgress => ({
  step: 'ocr.recognize',
  n,
  status: 'done',
  listing: `0x${'1'.repeat(64)}`,
  method: 'models.ocr.v1.OcrService/Recognize',
  amount: '7',
  latencyMs: 12,
  attempts: 1,
  receipt: { callId: `0x${String(n).repeat(64)}`, signer: `0x${'2'.repeat(40)}`, verified: true },
});

/** A run whose steps end when the test says so. It pays nobody: the gateway sees only what a run tells of itself. */
export async function slow(input: {
  image: Uint8Array;
  steps: number;
  fail?: string;
  /** Goes on as new after its first step, as far as watchers see. */
  segmented?: boolean;
}): Promise<unknown> {
  let done = 0;
  setHandler(endStepSignal, () => {
    done += 1;
  });
  setHandler(
    progressQuery,
    (): Progress =>
      input.segmented && done > 1
        ? { paid: String(7 * done), earlier: { steps: 1, paid: '7' }, steps: [{ ...step(0), segment: 1 }] }
        : { paid: String(7 * done), steps: Array.from({ length: done }, (_, n) => step(n)) },
  );
  await condition(() => done >= input.steps);
  if (input.fail === 'ours')
    throw ApplicationFailure.create({
      message: 'it may cost 9, above 5',
      type: 'QUOTE_ABOVE_LIMIT',
      nonRetryable: true,
      details: [{ field: 'maxTotal' }],
    });
  if (input.fail === 'fault') throw ApplicationFailure.nonRetryable('secret /path', 'TypeError');
  return { bytes: input.image.length, image: input.image.slice(0, 3), big: 2n ** 64n };
}
