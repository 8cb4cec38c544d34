import { DefaultFailureConverter, defaultPayloadConverter, TemporalFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';

const converter = new DefaultFailureConverter({ encodeCommonAttributes: true });

/**
 * Puts the messages of failed activities where the payloads' key encrypts them: they may quote what a run was given. A
 * worker takes a failure converter from a file only, which it would `require`.
 */
export const encodeFailures: ActivityInterceptorsFactory = () => ({
  inbound: {
    async execute(input, next) {
      try {
        return await next(input);
      } catch (error) {
        if (error instanceof TemporalFailure) error.failure = converter.errorToFailure(error, defaultPayloadConverter);
        throw error;
      }
    },
  },
});
