import { once } from 'node:events';

/** Does something outside Jest with what the support of the tests starts, and ends all that was started, last first. */
export async function ending<T>(work: () => Promise<T>): Promise<T> {
  const before = globalThis.weftOnEnd;
  globalThis.weftOnEnd = [];
  try {
    return await work();
  } finally {
    for (const end of globalThis.weftOnEnd.reverse()) await end();
    globalThis.weftOnEnd = before;
  }
}

/** As a process of its own: says what `start` gives, then stays until it is told to end. */
export async function staying(start: () => Promise<object>): Promise<never> {
  await ending(async () => {
    console.log(`ready ${JSON.stringify(await start())}`);
    await once(process, 'SIGTERM');
  });
  process.exit(0);
}
