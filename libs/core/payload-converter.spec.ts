import { describe, expect, it } from '@jest/globals';
import { type Payload, ValueError } from '@temporalio/common';
import { payloadConverter } from './payload-converter.js';

const encodingOf = (payload: Payload) => new TextDecoder().decode(payload.metadata?.encoding ?? undefined);
const roundTrip = (value: unknown) => payloadConverter.fromPayload(payloadConverter.toPayload(value));

describe('payload converter', () => {
  it('keeps values without bytes ordinary JSON, readable by every client', () => {
    const payload = payloadConverter.toPayload({ text: 'ä', list: [1, null, true] });
    expect(encodingOf(payload)).toBe('json/plain');
    expect(new TextDecoder().decode(payload.data ?? undefined)).toBe('{"text":"ä","list":[1,null,true]}');
  });

  it('leaves top-level bytes as they are', () => {
    const payload = payloadConverter.toPayload(Uint8Array.of(1, 2, 3));
    expect(encodingOf(payload)).toBe('binary/plain');
    expect(payload.data).toEqual(Uint8Array.of(1, 2, 3));
  });

  it.each([
    { image: Uint8Array.of(0, 255), title: 'scan' },
    { pages: [{ image: Uint8Array.of(1) }, { image: new Uint8Array() }, { image: Uint8Array.of(2, 3) }], n: 3 },
    { units: 2n ** 64n - 1n, nested: { deep: [{ amount: 0n }] } },
    [Uint8Array.of(9), 'x', 5n],
  ])('carries bytes and bigints wherever they stand: %#', (value) => {
    expect(roundTrip(value)).toEqual(value);
    expect(encodingOf(payloadConverter.toPayload(value))).toBe('binary/weft');
  });

  it('adds a few bytes, not a third, to what it carries', () => {
    const payload = payloadConverter.toPayload({ image: new Uint8Array(100_000) });
    expect(payload.data?.length).toBeLessThan(100_100);
  });

  it('drops undefined fields as JSON does and copies nothing back into the given value', () => {
    const value = { image: Uint8Array.of(1), left: undefined };
    expect(roundTrip(value)).toEqual({ image: Uint8Array.of(1) });
    expect(value.image).toEqual(Uint8Array.of(1));
  });

  it.each([
    ['cut short', '{"value":null,"bytes":[[["a"],9]],"bigints":[]}'],
    ['a path outside', '{"value":{},"bytes":[],"bigints":[[["__proto__","polluted"],"1"]]}'],
    ['a place that is taken', '{"value":{"a":1},"bytes":[],"bigints":[[["a"],"1"]]}'],
  ])('refuses a payload with %s', (_what, json) => {
    const head = new TextEncoder().encode(json);
    const data = new Uint8Array(4 + head.length);
    new DataView(data.buffer).setUint32(0, head.length);
    data.set(head, 4);
    const payload = { metadata: { encoding: new TextEncoder().encode('binary/weft') }, data };
    expect(() => payloadConverter.fromPayload(payload)).toThrow(ValueError);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});
