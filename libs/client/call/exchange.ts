import { WeftError } from '#core/errors.js';
import type { PaidCall, PaidCaller, Proof } from './paid-caller.js';

export interface Shape {
  /** Whether the method is a server stream. */
  readonly stream: boolean;
  /** Of a stream; more end it with MESSAGE_TOO_LARGE. Default: any number. */
  readonly maxMessages?: number;
  /** Of all messages together. Default: 64 MiB. */
  readonly maxBytes?: number;
}

export interface Exchange extends Proof {
  /** As received; exactly one of a unary method. */
  readonly messages: readonly Uint8Array[];
}

const MAX_BYTES = 64 * 1024 * 1024;

/** One paid call, its response as a whole. A stream that grows over a limit is cancelled. */
export async function exchange(caller: PaidCaller, call: PaidCall, shape: Shape): Promise<Exchange> {
  const { maxMessages = Number.POSITIVE_INFINITY, maxBytes = MAX_BYTES } = shape;
  if (!shape.stream) {
    const { bytes, ...proof } = await caller.call(call);
    if (bytes.length > maxBytes) throw tooLarge(call, `${bytes.length} bytes, and ${maxBytes} are taken`);
    return { messages: [bytes], ...proof };
  }
  const messages: Uint8Array[] = [];
  let size = 0;
  const stream = caller.stream(call);
  for (let next = await stream.next(); ; next = await stream.next()) {
    if (next.done) return { messages, ...next.value };
    messages.push(next.value);
    size += next.value.length;
    if (messages.length <= maxMessages && size <= maxBytes) continue;
    await stream.return(undefined as never); // cancels the call
    throw tooLarge(
      call,
      size > maxBytes
        ? `more than the ${maxBytes} bytes that are taken`
        : `more than the ${maxMessages} messages that are taken`,
    );
  }
}

const tooLarge = ({ pin }: PaidCall, what: string): WeftError =>
  new WeftError('MESSAGE_TOO_LARGE', `the response of ${pin.step} has ${what}`, { step: pin.step });
