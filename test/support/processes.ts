import { spawnSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Whether a process runs; one that has ended but was not yet collected by its parent does not. */
export function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.trim().startsWith('Z');
}

/** Waits for the end of a process that is not our child. */
export async function untilGone(pid: number, timeoutMs = 10_000): Promise<void> {
  for (const giveUpAtMs = Date.now() + timeoutMs; isAlive(pid); await delay(20))
    if (Date.now() > giveUpAtMs) throw new Error(`process ${pid} still runs after ${timeoutMs / 1000} s`);
}

/** Pids of a process group. */
export function groupOf(pid: number): number[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,pgid=,stat='], { encoding: 'utf8' });
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, group, state]) => group === String(pid) && !state?.startsWith('Z'))
    .map(([each]) => Number(each));
}

/** Pids of the processes that have a folder for their own, whoever is their parent by now. */
export function workingIn(folder: string): number[] {
  const isIn = (pid: string) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === folder;
    } catch {
      return false; // it has ended
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && isIn(name))
    .map(Number);
}
