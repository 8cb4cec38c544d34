import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

export interface LeashOptions {
  readonly args?: readonly string[];
  readonly cwd?: string;
  /** Instead of our own environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** Gets stdout and stderr appended; made with mode 0600. Without it only the last lines are kept, in memory. */
  readonly logFile?: string;
  readonly onLine?: (line: string) => void;
  /** What asks the program to end: PostgreSQL, for one, wants SIGINT. Default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals;
  /** Between asking and SIGKILL. Default 5,000. */
  readonly graceMs?: number;
  /** Run as another user; only root can. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Leashed {
  readonly pid: number;
  /** Never rejects. */
  readonly exited: Promise<Exit>;
  /** Undefined while it runs. */
  readonly exit: Exit | undefined;
  kill(signal: NodeJS.Signals): void;
  /** Asks, waits, kills; resolves when it is gone. */
  stop(): Promise<void>;
  /** The last lines of output, for error messages. */
  logTail(): string;
}

const keptLines = 20;

/**
 * The shell starts a watcher and becomes the program, so that pid, signals and exit code are the program's own.
 * The watcher waits on fd 3, whose other end only we hold: it reads the end of file when we are gone, however we
 * went, and then does what `stop` would have done.
 */
const script = `
signal=$1 tenths=$2; shift 2
(
  trap '' TERM INT HUP
  read -r _ <&3
  kill -s "$signal" $$
  while [ "$tenths" -gt 0 ] && kill -s 0 $$; do sleep 0.1; tenths=$((tenths - 1)); done
  kill -s KILL -- -$$
) >/dev/null 2>&1 &
exec "$@" 3<&-
`;

/** Starts a program that ends when this process ends, also when this process is killed with SIGKILL. */
export function leash(command: string, options: LeashOptions = {}): Leashed {
  const { stopSignal = 'SIGTERM', graceMs = 5_000, logFile, onLine } = options;
  const log = logFile === undefined ? undefined : openLog(logFile);
  // A log file is the program's own, so that it can write its last words after we are gone.
  const output = onLine === undefined && log !== undefined ? log : 'pipe';
  const child = spawn(
    '/bin/sh',
    ['-c', script, 'leash', stopSignal.slice(3), String(Math.ceil(graceMs / 100)), command, ...(options.args ?? [])],
    {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', output, output, 'pipe'],
      // A session of its own: Ctrl-C reaches us alone, and we end our children in order.
      detached: true,
      ...options.user,
    },
  );
  const lines: string[] = [];
  passLines(child, (line) => {
    if (lines.push(line) > keptLines) lines.shift();
    if (onLine !== undefined && log !== undefined) writeSync(log, `${line}\n`);
    onLine?.(line);
  });
  if (log !== undefined) onLine === undefined ? closeSync(log) : child.once('close', () => closeSync(log));

  let exit: Exit | undefined;
  const exited = new Promise<Exit>((resolve) => {
    child.once('error', () => resolve({ code: 127, signal: null }));
    child.once('exit', (code, signal) => {
      exit = { code, signal };
      // The watcher, and whatever else the program left in its group.
      if (child.pid !== undefined) killGroup(child.pid);
      // Its last lines are still on their way; a daemon that holds them up is not waited for.
      const late = setTimeout(resolve, 1_000, exit);
      child.once('close', () => {
        clearTimeout(late);
        resolve({ code, signal });
      });
    });
  });
  return {
    pid: child.pid ?? -1,
    exited,
    get exit() {
      return exit;
    },
    kill: (signal) => {
      if (exit === undefined) child.kill(signal);
    },
    async stop() {
      if (exit !== undefined) return;
      child.kill(stopSignal);
      const timer = new AbortController();
      const late = delay(graceMs, 'late', { signal: timer.signal }).catch(() => 'done');
      if ((await Promise.race([exited, late])) === 'late') child.kill('SIGKILL');
      timer.abort();
      await exited;
    },
    logTail: () =>
      logFile === undefined ? lines.join('\n') : readFileSync(logFile, 'utf8').split('\n').slice(-keptLines).join('\n'),
  };
}

function openLog(file: string): number {
  mkdirSync(dirname(file), { recursive: true });
  return openSync(file, 'a', 0o600);
}

function passLines(child: ChildProcess, onLine: (line: string) => void): void {
  for (const stream of [child.stdout, child.stderr]) if (stream) createInterface({ input: stream }).on('line', onLine);
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody left.
  }
}
