import { WeftError } from '#core/errors.js';

export interface ReadEvent {
  readonly event: string;
  readonly data: unknown;
}

/** Far above any event of ours: a run's answer with its output. */
const MAX_EVENT_CHARACTERS = 32 * 1024 * 1024;

/** Server-sent events of a response body, as they arrive. Comments and fields that we do not use are passed over. */
export async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<ReadEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const blocks = rest.split('\n\n');
    rest = blocks.pop() as string;
    if (rest.length > MAX_EVENT_CHARACTERS) throw new WeftError('SERVICE_FAILED', 'the gateway sent an endless event');
    for (const block of blocks) {
      const event = parseEvent(block);
      if (event !== undefined) yield event;
    }
  }
}

function parseEvent(block: string): ReadEvent | undefined {
  let event = 'message';
  let data = '';
  for (const line of block.split('\n')) {
    if (line.startsWith('event: ')) event = line.slice('event: '.length);
    else if (line.startsWith('data: ')) data += line.slice('data: '.length);
  }
  return data === '' ? undefined : { event, data: JSON.parse(data) };
}
