import { readdirSync, readFileSync } from 'node:fs';

/** What /proc tells of one process. */
export interface ProcessMemory {
  readonly pid: number;
  readonly parent: number;
  readonly args: readonly string[];
  readonly rssKiB: number;
  /** Its share of what it has in memory together with others: these add up to what is really used. */
  readonly pssKiB: number;
}

/** A process and all that it started, directly or not. Needs Linux, and the right to look at them. */
export function memoryOfTree(root: number): ProcessMemory[] {
  const parents = new Map(pids().map((pid) => [pid, parentOf(pid)]));
  const belongs = (pid: number | undefined): boolean =>
    pid !== undefined && (pid === root || belongs(parents.get(pid)));
  return [...parents.keys()].filter(belongs).flatMap((pid) => {
    const args = read(pid, 'cmdline')?.split('\0').filter(Boolean) ?? [];
    const sizes = read(pid, 'smaps_rollup');
    // One that has ended meanwhile has neither.
    if (sizes === undefined || args.length === 0) return [];
    const size = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(sizes)?.[1]);
    return [{ pid, parent: parents.get(pid) ?? 0, args, rssKiB: size('Rss'), pssKiB: size('Pss') }];
  });
}

const pids = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** The name in the second field may hold anything, also blanks and brackets. */
function parentOf(pid: number): number | undefined {
  const [, parent] = /^.*\) \S (\d+)/s.exec(read(pid, 'stat') ?? '') ?? [];
  return parent === undefined ? undefined : Number(parent);
}

function read(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}
