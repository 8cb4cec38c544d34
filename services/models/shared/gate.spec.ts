import { describe, expect, it } from '@jest/globals';
import { Gate } from './gate.js';

/** Work that ends when told to. */
function task() {
  let finish = (): void => {};
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  return { work: () => done, finish };
}

describe('Gate', () => {
  it('runs as many as it may and refuses when as many as may wait do', async () => {
    const gate = new Gate({ running: 1, waiting: 1 });
    const first = task();
    let secondRan = false;
    const running = gate.run(first.work);
    const waiting = gate.run(async () => {
      secondRan = true;
    });
    await expect(gate.run(async () => {})).rejects.toMatchObject({ reason: 'OVERLOADED', code: 'RESOURCE_EXHAUSTED' });
    expect(secondRan).toBe(false);
    first.finish();
    await Promise.all([running, waiting]);
    expect(secondRan).toBe(true);
    await expect(gate.run(async () => 'free again')).resolves.toBe('free again');
  });

  it('keeps its count when work fails', async () => {
    const gate = new Gate({ running: 1, waiting: 0 });
    for (let i = 0; i < 3; i++) await expect(gate.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(gate.run(async () => 'fine')).resolves.toBe('fine');
  });

  it('lets nobody in before those who wait', async () => {
    const gate = new Gate({ running: 1, waiting: 8 });
    const order: number[] = [];
    const first = task();
    const all = [0, 1, 2].map((i) =>
      gate.run(async () => {
        order.push(i);
        if (i === 0) await first.work();
      }),
    );
    first.finish();
    all.push(gate.run(async () => void order.push(3)));
    await Promise.all(all);
    expect(order).toEqual([0, 1, 2, 3]);
  });

  it('does not run what was given up while it waited', async () => {
    const gate = new Gate({ running: 1, waiting: 1 });
    const first = task();
    let gone = false;
    let ran = false;
    const running = gate.run(first.work);
    const waiting = gate.run(
      async () => {
        ran = true;
      },
      () => gone,
    );
    gone = true;
    first.finish();
    await running;
    await expect(waiting).rejects.toMatchObject({ reason: 'CANCELLED' });
    expect(ran).toBe(false);
  });
});
