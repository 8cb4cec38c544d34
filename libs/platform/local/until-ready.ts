import { setTimeout as delay } from 'node:timers/promises';
import type { Leashed } from './leash.js';

/**
 * Waits until `probe` succeeds on a program that cannot tell us itself. Fails with the end of its log when it
 * ends first, and stops it when it takes longer than `timeoutMs`.
 */
export async function untilReady(
  name: string,
  child: Leashed,
  probe: () => Promise<unknown>,
  timeoutMs = 30_000,
): Promise<void> {
  const giveUpAtMs = Date.now() + timeoutMs;
  for (let waitMs = 10; ; waitMs = Math.min(waitMs * 1.5, 200)) {
    if (child.exit !== undefined) {
      const { code, signal } = child.exit;
      throw new Error(`${name} ended at its start (${signal ?? `code ${code}`})\n${child.logTail()}`);
    }
    try {
      await probe();
      return;
    } catch (error) {
      if (Date.now() > giveUpAtMs) {
        await child.stop();
        throw new Error(`${name} was not ready after ${timeoutMs / 1000} s\n${child.logTail()}`, { cause: error });
      }
    }
    await Promise.race([delay(waitMs), child.exited]);
  }
}
