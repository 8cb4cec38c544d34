import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Leashed, leash } from '#platform/local/leash.js';
import { onEnd } from './on-end.js';

export interface NodeProcess extends Leashed {
  /** Everything it has printed so far, stdout and stderr. */
  readonly lines: readonly string[];
  /** The first line, printed already or yet to come, that matches; fails when the process ends or time is up. */
  waitForLine(pattern: RegExp, timeoutMs?: number): Promise<RegExpMatchArray>;
  /** SIGKILL, as a power cut would; resolves when it is gone. */
  killHard(): Promise<void>;
}

const root = join(fileURLToPath(import.meta.url), '../../..');

/** What runs a program of ours from its TypeScript source, in an environment without our own NODE_OPTIONS. */
export const nodeCommand = (entry: string, args: readonly string[] = []): string[] => [
  process.execPath,
  ...['--enable-source-maps', '--import', join(root, 'test/support/ts-loader.mjs'), join(root, entry), ...args],
];

export interface SpawnNodeOptions {
  readonly args?: readonly string[];
  /** Added to our own environment. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Runs a program of ours from its TypeScript source ("services/wallet/main.ts"), for tests that kill. */
export function spawnNode(entry: string, options: SpawnNodeOptions = {}): NodeProcess {
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const { NODE_OPTIONS: _, ...env } = process.env;
  const [node, ...args] = nodeCommand(entry, options.args);
  const child = leash(node!, {
    args,
    env: { ...env, ...options.env },
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    onLine: (line) => {
      lines.push(line);
      for (const look of waiting) look();
    },
  });
  onEnd(() => child.stop());
  return Object.assign(Object.create(child) as Leashed, {
    lines,
    waitForLine: (pattern: RegExp, timeoutMs = 30_000) =>
      new Promise<RegExpMatchArray>((resolve, reject) => {
        const finish = (end: () => void) => {
          clearTimeout(timer);
          waiting.delete(look);
          end();
        };
        const fail = (why: string) =>
          finish(() => reject(new Error(`${why} before a line matched ${pattern}:\n${lines.slice(-20).join('\n')}`)));
        const timer = setTimeout(() => fail(`${timeoutMs / 1000} s passed`), timeoutMs);
        const look = () => {
          const match = lines.map((line) => line.match(pattern)).find((each) => each !== null);
          if (match) finish(() => resolve(match));
        };
        waiting.add(look);
        void child.exited.then(() => setImmediate(() => fail(`${entry} ended`)));
        look();
      }),
    async killHard() {
      child.kill('SIGKILL');
      await child.exited;
    },
  });
}
