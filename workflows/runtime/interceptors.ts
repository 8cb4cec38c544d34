import { ContinueAsNew, setHandler, type WorkflowInterceptors } from '@temporalio/workflow';
import { progressQuery } from './progress.js';
import { declaredRequirements } from './requirements.js';
import { currentRun, startRun } from './run.js';

/** Gives every workflow of the worker its run: key, quote, progress. Temporal calls it by this name. */
export const interceptors = (): WorkflowInterceptors => ({
  inbound: [
    {
      async execute(input, next) {
        const run = startRun(input.headers);
        setHandler(progressQuery, () => run.progress);
        let continued = false;
        try {
          return await next(input);
        } catch (error) {
          continued = error instanceof ContinueAsNew;
          throw error;
        } finally {
          if (!continued) await run.close();
        }
      },
    },
  ],
  outbound: [
    {
      async startChildWorkflowExecution(input, next) {
        const headers = await currentRun().forChild(declaredRequirements());
        return next({ ...input, headers: { ...input.headers, ...headers } });
      },
      continueAsNew(input, next) {
        return next({ ...input, headers: { ...input.headers, ...currentRun().forContinuation() } });
      },
    },
  ],
});
