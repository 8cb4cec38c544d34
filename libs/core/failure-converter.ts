import { DefaultFailureConverter, TemporalFailure } from '@temporalio/common';

type Convert = DefaultFailureConverter['failureToError'];

/**
 * A failure whose message came encoded, since runs are encrypted, leaves a workflow as it came. Temporal's own converter
 * would write its message in plain text beside.
 */
class ForwardingFailureConverter extends DefaultFailureConverter {
  override failureToError(...[failure, ...rest]: Parameters<Convert>): ReturnType<Convert> {
    const error = super.failureToError(failure, ...rest);
    if (failure.encodedAttributes && error instanceof TemporalFailure) error.failure = failure;
    return error;
  }
}

/** How workflow code converts failures. Temporal loads it by this name. */
export const failureConverter = new ForwardingFailureConverter();
