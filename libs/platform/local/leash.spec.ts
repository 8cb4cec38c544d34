import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { onEnd } from '#test/support/on-end.js';
import { groupOf, isAlive, untilGone } from '#test/support/processes.js';
import { spawnNode } from '#test/support/spawn-node.js';
import { tempDir } from '#test/support/temp-dir.js';
import { type Leashed, type LeashOptions, leash } from './leash.js';

const start = (command: string, options: LeashOptions = {}) => {
  const child = leash(command, options);
  onEnd(() => child.stop());
  return child;
};
const shell = (text: string, options: LeashOptions = {}) => start('sh', { ...options, args: ['-c', text] });
const parent = async (...command: string[]) => {
  const process = spawnNode('test/support/fixtures/leash-parent.ts', { args: command });
  const [, pid] = await process.waitForLine(/^leashed (\d+)$/);
  return { process, pid: Number(pid) };
};

describe('leash', () => {
  it('gives the exit code of the program itself', async () => {
    expect(await shell('exit 7').exited).toEqual({ code: 7, signal: null });
    expect(await shell('kill -KILL $$').exited).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('gives the pid of the program itself and leaves no watcher behind', async () => {
    const lines: string[] = [];
    const child = shell('echo $$', { onLine: (line) => lines.push(line) });
    await child.exited;
    expect(lines).toEqual([String(child.pid)]);
    await untilGone(child.pid);
    expect(groupOf(child.pid)).toEqual([]);
  });

  it('says when there is no such program', async () => {
    const child = start('no-such-program-here');
    expect((await child.exited).code).toBe(127);
    expect(child.logTail()).toContain('no-such-program-here');
  });

  it('writes output to a log file that only its owner reads', async () => {
    const logFile = join(tempDir(), 'deep/down.log');
    await shell('echo out; echo err >&2', { logFile }).exited;
    expect(readFileSync(logFile, 'utf8').split('\n').sort()).toEqual(['', 'err', 'out']);
    expect(statSync(logFile).mode & 0o777).toBe(0o600);
  });

  it('stops with the signal that the program wants', async () => {
    const child = await new Promise<Leashed>((resolve) => {
      const text = 'trap "exit 9" INT; echo up; while :; do sleep 0.01; done';
      const started = shell(text, { stopSignal: 'SIGINT', onLine: () => resolve(started) });
    });
    await child.stop();
    expect(child.exit).toEqual({ code: 9, signal: null });
  });

  it('kills a program that does not stop, and all it has started', async () => {
    let grandchild = 0;
    const up = new Promise<void>((resolve) => {
      const child = shell('trap "" TERM; sleep 1000 & echo $!; while :; do sleep 0.01; done', {
        graceMs: 100,
        onLine: (line) => {
          grandchild = Number(line);
          resolve(child.stop());
        },
      });
    });
    await up;
    await untilGone(grandchild);
  });

  it.each([
    ['a plain program', ['sleep', '1000']],
    ['a program that ignores SIGTERM and SIGINT', ['sh', '-c', 'trap "" TERM INT; while :; do sleep 0.05; done']],
  ])('kill -9 of the parent ends %s', async (_, command) => {
    const { process, pid } = await parent(...command);
    expect(isAlive(pid)).toBe(true);
    await process.killHard();
    await untilGone(pid);
    for (const each of groupOf(pid)) await untilGone(each);
    expect(groupOf(pid)).toEqual([]);
  });

  it('lets the program end in order when the parent is killed', async () => {
    const mark = join(tempDir(), 'mark');
    const { process, pid } = await parent(
      'sh',
      '-c',
      `trap 'echo saved > ${mark}; exit' TERM; echo up; while :; do sleep 0.01; done`,
    );
    await process.waitForLine(/^child says up$/);
    await process.killHard();
    await untilGone(pid);
    expect(readFileSync(mark, 'utf8')).toBe('saved\n');
  });
});
