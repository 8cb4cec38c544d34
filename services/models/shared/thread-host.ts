import { parentPort } from 'node:worker_threads';

/** What a thread can do. Inputs and outputs are what structured clone copies. */
// biome-ignore lint/suspicious/noExplicitAny: each handler has an input of its own
export type Handlers = Record<string, (input: any) => Promise<unknown>>;

export interface Question {
  readonly id: number;
  readonly method: string;
  readonly input: unknown;
}

export interface Answer {
  readonly id: number;
  readonly output?: unknown;
  readonly error?: unknown;
}

/** Answers what a `ModelThread` asks. */
export function hostThread<H extends Handlers>(handlers: H): void {
  const port = parentPort;
  if (port === null) throw new Error('this module runs in a worker thread');
  port.on('message', async ({ id, method, input }: Question) => {
    try {
      const handler = handlers[method];
      if (handler === undefined) throw new Error(`this thread has no ${method}`);
      port.postMessage({ id, output: await handler(input) } satisfies Answer);
    } catch (error) {
      port.postMessage({ id, error } satisfies Answer);
    }
  });
}
