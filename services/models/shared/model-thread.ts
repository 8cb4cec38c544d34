import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { WeftError } from '#core/errors.js';
import type { Answer, Handlers, Question } from './thread-host.js';

interface Waiting {
  readonly resolve: (output: never) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A thread that runs models. Their inference is synchronous and takes from tens of milliseconds to seconds, in which
 * this process has paid calls to answer. The thread starts with the first call, and anew after it has died; it keeps
 * the process alive only while it has something to answer.
 */
export class ModelThread<H extends Handlers> {
  private worker: Worker | undefined;
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;

  /** @param module what calls `hostThread` */
  constructor(private readonly module: URL) {}

  /** Messages are copied. Calls of one thread may overlap where a handler awaits. */
  call<K extends keyof H & string>(method: K, input: Parameters<H[K]>[0]): Promise<Awaited<ReturnType<H[K]>>> {
    this.worker ??= this.start();
    const id = ++this.lastId;
    const answer = new Promise<Awaited<ReturnType<H[K]>>>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
    });
    this.worker.ref();
    this.worker.postMessage({ id, method, input } satisfies Question);
    return answer;
  }

  private start(): Worker {
    // Run from source, our files are TypeScript.
    const file = new URL(this.module.href.replace(/\.js$/, extname(import.meta.url)));
    const worker = new Worker(file, { resourceLimits: { maxOldGenerationSizeMb: 1024 } });
    worker.on('message', (answer: Answer) => {
      const waiting = this.waiting.get(answer.id);
      this.waiting.delete(answer.id);
      if (answer.error === undefined) waiting?.resolve(answer.output as never);
      else waiting?.reject(answer.error);
      if (this.waiting.size === 0) worker.unref();
    });
    const lose = (cause: unknown) => {
      if (this.worker !== worker) return;
      this.worker = undefined;
      for (const { reject } of this.waiting.values())
        reject(new WeftError('SERVICE_UNAVAILABLE', 'the model stopped; try again', {}, { cause }));
      this.waiting.clear();
    };
    worker.on('error', lose);
    worker.on('exit', (code) => lose(new Error(`the model's thread ended with code ${code}`)));
    return worker;
  }
}
