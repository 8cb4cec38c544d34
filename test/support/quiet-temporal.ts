import { DefaultLogger, Runtime } from '@temporalio/worker';
import { onEnd } from './on-end.js';

let quiet = false;

/** Workers of a test say nothing but errors, whether in the SDK or in its core. */
export function quietTemporal(): void {
  if (quiet) return;
  quiet = true;
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: 'ERROR', forward: {} } },
  });
  // It ends with its last connection, which a worker that finds nobody listening never makes.
  onEnd(() => Runtime.instance().shutdown());
}
