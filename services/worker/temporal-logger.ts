import { DefaultLogger, type Logger as TemporalLogger } from '@temporalio/worker';
import type { Logger } from 'pino';

/** Temporal's own messages, of workers and of workflow code, as lines of our log. */
export const temporalLogger = (logger: Logger): TemporalLogger =>
  new DefaultLogger('INFO', ({ level, message, meta }) => {
    const { error, ...rest } = meta ?? {};
    const fields = error === undefined ? rest : { ...rest, err: error };
    switch (level) {
      case 'ERROR':
        return logger.error(fields, message);
      case 'WARN':
        return logger.warn(fields, message);
      default:
        // Every change of state of a worker is INFO to the SDK.
        return logger.debug(fields, message);
    }
  });
