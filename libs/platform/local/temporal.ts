import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { WeftError } from '#core/errors.js';
import { freePort, onPort } from './free-port.js';
import { type Exit, leash } from './leash.js';
import { findTemporal } from './temporal-binary.js';
import { untilReady } from './until-ready.js';

export interface TemporalOptions {
  readonly port?: number;
  readonly uiPort?: number;
  /** No web UI; saves a port and some memory. */
  readonly headless?: boolean;
  /** Workflows are kept here; without it they are gone at the end. */
  readonly dbFile?: string;
  readonly logFile?: string;
  /** Path of the program; default: `findTemporal`. */
  readonly binary?: string;
  readonly graceMs?: number;
  readonly onProgress?: (line: string) => void;
}

export interface LocalTemporal {
  /** "127.0.0.1:7233" */
  readonly address: string;
  readonly uiUrl: string | undefined;
  /** Undefined for a server that is not ours. */
  readonly pid: number | undefined;
  /** Never rejects; undefined for a server that is not ours. */
  readonly exited: Promise<Exit> | undefined;
  stop(): Promise<void>;
}

/** The server at TEMPORAL_ADDRESS if that is set, which then is not ours to stop; else one of our own. */
export async function useTemporal(options: TemporalOptions = {}): Promise<LocalTemporal> {
  const address = process.env['TEMPORAL_ADDRESS'];
  if (address === undefined || address === '') return startTemporal(options);
  try {
    await describeNamespace(address);
  } catch (error) {
    const message = `no Temporal answers at TEMPORAL_ADDRESS=${address}: start it, or unset the variable to run one here`;
    throw new WeftError('TEMPORAL_UNAVAILABLE', message, { address }, { cause: error });
  }
  return { address, uiUrl: undefined, pid: undefined, exited: undefined, stop: async () => {} };
}

/** Starts Temporal's dev server on loopback; resolves when the namespace "default" answers. */
export async function startTemporal(options: TemporalOptions = {}): Promise<LocalTemporal> {
  const { dbFile, logFile, headless = false, graceMs = 10_000 } = options;
  const binary = options.binary ?? (await findTemporal(options));
  if (dbFile !== undefined) mkdirSync(dirname(dbFile), { recursive: true });
  return onPort(options.port, async (port) => {
    const uiPort = headless ? undefined : (options.uiPort ?? (await freePort()));
    const args = ['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--log-level', 'error'];
    args.push(...(uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort), '--ui-disable-news-fetch']));
    // Its default of 20 polls a second makes every ordinary step take 50 ms.
    args.push('--dynamic-config-value', 'history.transferProcessorMaxPollRPS=2000');
    if (dbFile !== undefined)
      args.push(
        '--db-filename',
        dbFile,
        '--sqlite-pragma',
        'journal_mode=wal',
        '--sqlite-pragma',
        'synchronous=normal',
      );
    const child = leash(binary, { args, graceMs, ...(logFile !== undefined && { logFile }) });
    const address = `127.0.0.1:${port}`;
    await untilReady('Temporal', child, () => describeNamespace(address));
    return {
      address,
      uiUrl: uiPort === undefined ? undefined : `http://127.0.0.1:${uiPort}`,
      pid: child.pid,
      exited: child.exited,
      stop: () => child.stop(),
    };
  });
}

async function describeNamespace(address: string): Promise<void> {
  // Slow to load, and most processes of Weft never need it.
  const { Connection } = await import('@temporalio/client');
  const connection = await Connection.connect({ address, connectTimeout: 2_000 });
  try {
    await connection.workflowService.describeNamespace({ namespace: 'default' });
  } finally {
    await connection.close();
  }
}
