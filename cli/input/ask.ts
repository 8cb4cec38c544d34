import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { WeftError } from '#core/errors.js';

/** Whether there is somebody who can answer. */
export const canAsk = (): boolean => process.stdin.isTTY === true && process.stderr.isTTY === true;

/**
 * Asks on the terminal; the answer of a `hidden` question is not shown. Errors: CANCELLED when the terminal says Ctrl-C
 * or Ctrl-D, or is closed.
 */
export async function ask(question: string, { hidden = false } = {}): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  // From here on the terminal shows nothing by itself: asked before, a quick answer would be seen.
  const terminal = createInterface({ input: process.stdin, output: hidden ? silent : process.stderr, terminal: true });
  const closed = new Promise<never>((_, reject) => {
    terminal.once('close', () => reject(new WeftError('CANCELLED', 'the question was not answered: nothing was done')));
  });
  let isAnswered = false;
  try {
    if (hidden) process.stderr.write(question);
    // Whether a question rejects by itself when it is interrupted, or its terminal ends, depends on Node's version.
    const asked = terminal.question(hidden ? '' : question).catch(() => closed);
    const answer = await Promise.race([asked, closed]);
    isAnswered = true;
    return answer;
  } finally {
    closed.catch(() => {});
    terminal.close();
    // Enter is not shown either, nor is what was not answered ended.
    if (hidden || !isAnswered) process.stderr.write('\n');
  }
}
