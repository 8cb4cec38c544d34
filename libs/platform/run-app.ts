import type { Logger } from 'pino';
import { createLogger } from './logging.js';

export interface RunningApp {
  /** Addresses and the like, written with the line that says "ready". */
  readonly ready?: Record<string, unknown>;
  close(): Promise<void>;
}

/**
 * The main function of a process: starts the app, says "ready", and closes it in order on SIGTERM, SIGINT or when
 * the parent that holds an IPC channel goes away. A second signal ends at once; so does a close that takes
 * longer than `graceMs`, and so does an error that nobody catches, once it is logged.
 */
export async function runApp(
  name: string,
  start: (logger: Logger) => Promise<RunningApp>,
  { graceMs = 15_000 }: { graceMs?: number } = {},
): Promise<void> {
  const logger = createLogger({ name, level: process.env['LOG_LEVEL'] || 'info' });
  const startedAtMs = performance.now();
  let asked = false;
  let app: RunningApp | undefined;

  const end = async (why: string) => {
    // During the start there is nothing yet to close in order.
    if (asked || app === undefined) process.exit(asked ? 130 : 0);
    asked = true;
    logger.info({ why }, 'closing');
    setTimeout(() => {
      logger.fatal('did not close in time');
      process.exit(1);
    }, graceMs).unref();
    try {
      await app.close();
      process.exit(0);
    } catch (error) {
      logger.fatal({ err: error }, 'did not close in order');
      process.exit(1);
    }
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void end(signal));
  if (process.connected) process.on('disconnect', () => void end('parent is gone'));

  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'an error that nobody caught');
    process.exit(1);
  });

  try {
    app = await start(logger);
    logger.info({ ...app.ready, readyMs: Math.round(performance.now() - startedAtMs) }, 'ready');
  } catch (error) {
    logger.fatal({ err: error }, 'did not start');
    process.exit(1);
  }
}
