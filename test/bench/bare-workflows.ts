import { proxyActivities } from '@temporalio/workflow';
import { ExtractRequest, ExtractResponse } from '#protos/models/entities/v1/entities.js';
import type { BareActivities } from './bare-worker.js';

const { extract } = proxyActivities<BareActivities>({ startToCloseTimeout: '60s' });

/** What one would write without Weft. */
export async function bareSteps(text: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) ExtractResponse.decode(await extract(ExtractRequest.encode({ text }).finish()));
}
