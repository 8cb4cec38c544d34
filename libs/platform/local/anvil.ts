import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { findOnPath } from './find-program.js';
import { onPort } from './free-port.js';
import { type Exit, leash } from './leash.js';
import { untilReady } from './until-ready.js';

export interface AnvilOptions {
  readonly port?: number;
  /** The chain is kept here; without it, it is gone at the end. A SIGKILL loses up to `stateIntervalSec` of it. */
  readonly stateFile?: string;
  readonly stateIntervalSec?: number;
  readonly logFile?: string;
  readonly chainId?: number;
  /** Further flags of anvil. */
  readonly flags?: readonly string[];
  readonly onProgress?: (line: string) => void;
}

export interface LocalChain {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly chainId: number;
  /** Never rejects. */
  readonly exited: Promise<Exit>;
  stop(): Promise<void>;
}

/** Starts anvil on loopback: every transaction makes a block; the accounts are those of its well-known mnemonic. */
export async function startAnvil(options: AnvilOptions = {}): Promise<LocalChain> {
  const { stateFile, stateIntervalSec = 1, chainId = 31337, logFile } = options;
  const anvil = findAnvil();
  // anvil silently keeps nothing if the folder is missing, and refuses to start on a torn file.
  if (stateFile !== undefined) {
    mkdirSync(dirname(stateFile), { recursive: true });
    mendState(stateFile, options.onProgress);
  }
  return onPort(options.port, async (port) => {
    const args = ['--host', '127.0.0.1', '--port', String(port), '--chain-id', String(chainId), '--quiet'];
    args.push('--hardfork', 'prague', '--gas-limit', '60000000', ...(options.flags ?? []));
    if (stateFile !== undefined) args.push('--state', stateFile, '--state-interval', String(stateIntervalSec));
    const child = leash(anvil, { args, graceMs: 10_000, ...(logFile !== undefined && { logFile }) });
    const url = `http://127.0.0.1:${port}`;
    await untilReady('anvil', child, async () => {
      const found = await askChainId(url);
      if (found !== chainId) throw new Error(`the chain at ${url} has id ${found}, not ${chainId}: port in use?`);
    });
    return { url, port, pid: child.pid, chainId, exited: child.exited, stop: () => child.stop() };
  });
}

async function askChainId(url: string): Promise<number> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] });
  const headers = { 'content-type': 'application/json', connection: 'close' };
  const response = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(2_000) });
  return Number(((await response.json()) as { result: string }).result);
}

/** anvil writes its state in place: a kill in the middle tears it. Then the one of the last good start is taken. */
function mendState(file: string, onProgress?: (line: string) => void): void {
  if (!existsSync(file)) return;
  const good = `${file}.last-good`;
  try {
    JSON.parse(readFileSync(file, 'utf8'));
    copyFileSync(file, good);
  } catch (error) {
    if (!existsSync(good)) throw new Error(`${file} is torn: delete it to begin a new chain`, { cause: error });
    onProgress?.(`${file} is torn; going back to the chain of the last start`);
    copyFileSync(file, `${file}.torn`);
    copyFileSync(good, file);
  }
}

function findAnvil(): string {
  const onPath = findOnPath('anvil');
  if (onPath !== undefined) return onPath;
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  const name = `@foundry-rs/anvil-${process.platform}-${arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'bin/anvil');
  } catch (error) {
    throw new Error(`no anvil on PATH, and npm's ${name} is not installed: see https://getfoundry.sh`, {
      cause: error,
    });
  }
}
