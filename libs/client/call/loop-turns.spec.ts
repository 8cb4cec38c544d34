import { LoopTurns } from './loop-turns.js';

describe('turns of the event loop', () => {
  const loopTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

  it('keep nobody waiting who comes alone', async () => {
    const turns = new LoopTurns();
    expect(turns.take()).toBeUndefined();
    await loopTurn();
    expect(turns.take()).toBeUndefined();
  });

  it('are taken by one each, in the order in which they came', async () => {
    const turns = new LoopTurns();
    const done: number[] = [];
    let turn = 0;
    let counting = true;
    const count = async () => {
      for (; counting; turn++) await loopTurn();
    };
    const counted = count();
    const pieces = [0, 1, 2, 3].map(async () => {
      await turns.take();
      done.push(turn);
    });
    await Promise.all(pieces);
    counting = false;
    await counted;
    expect(new Set(done).size).toBe(4);
    expect(done).toEqual([...done].sort((a, b) => a - b));
  });
});
