import { join } from 'node:path';
import { tempDir } from '../support/temp-dir.js';
import type { Run } from './bench.js';
import { ending } from './ending.js';
import { startMarketplace } from './marketplace.js';
import { median } from './measure.js';

const AIM_MS = 20_000;

interface Times {
  readonly readyMs: number;
  readonly doneMs: number;
}

/** How long the built marketplace takes to be ready, in an empty home and in the same home once more. */
export const run: Run = async ({ quick, say }) => {
  const [cold, again]: [Times[], Times[]] = [[], []];
  for (let i = 0; i < (quick ? 1 : 3); i++)
    await ending(async () => {
      const home = join(tempDir(), 'home');
      for (const times of [cold, again]) {
        const { child, readyMs, doneMs } = await startMarketplace(home, ['--once']);
        await child.exited;
        times.push({ readyMs, doneMs });
        say(
          `${times === cold ? 'new home' : 'same home'}: ready after ${readyMs} ms, intake settled after ${doneMs} ms`,
        );
      }
    });
  const figures = { aimMs: AIM_MS, cold: medians(cold), again: medians(again) };
  return {
    figures,
    rows: [
      ['home', 'ready ms', 'intake settled ms', 'aim ms'],
      ['new', String(figures.cold.readyMs), String(figures.cold.doneMs), String(AIM_MS)],
      ['used before', String(figures.again.readyMs), String(figures.again.doneMs), String(AIM_MS)],
    ],
  };
};

const medians = (times: readonly Times[]): Times => ({
  readyMs: median(times.map(({ readyMs }) => readyMs)),
  doneMs: median(times.map(({ doneMs }) => doneMs)),
});
