import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker, type WorkflowBundle } from '@temporalio/worker';
import { bundleWorkflows, shippedWorkflows } from '#services/worker/bundle.js';
import { quietTemporal } from '#test/support/quiet-temporal.js';

const folder = join(import.meta.dirname, 'histories');
const recorded = readdirSync(folder).filter((name) => name.endsWith('.json'));

/* Runs that may still be under way when a new version starts. A history that fails here needs `patched()`, not a new record. */
describe('I13 T45 recorded histories', () => {
  let workflowBundle: WorkflowBundle;
  beforeAll(async () => {
    quietTemporal();
    workflowBundle = await bundleWorkflows(shippedWorkflows);
  });

  it('are there', () => {
    expect(recorded.length).toBeGreaterThanOrEqual(3);
  });

  it.each(recorded)('replay on this code: %s', async (name) => {
    const history: unknown = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    await Worker.runReplayHistory({ workflowBundle }, history, name);
  });

  it('do not replay on code that does something else', async () => {
    const other = await bundleWorkflows(join(import.meta.dirname, '../test/fixtures/other-intake.ts'));
    const history: unknown = JSON.parse(readFileSync(join(folder, recorded[0] as string), 'utf8'));
    await expect(Worker.runReplayHistory({ workflowBundle: other }, history)).rejects.toThrow(/[Nn]ondeterminism/);
  });
});
