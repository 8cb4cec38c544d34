import { toJson } from './to-json.js';

test('amounts become decimal strings, bytes and buffers 0x text', () => {
  expect(
    toJson({
      amount: 2n ** 96n - 1n,
      id: Uint8Array.of(0, 255),
      digest: Buffer.from([1]),
      list: [1n],
      none: undefined,
    }),
  ).toBe('{"amount":"79228162514264337593543950335","id":"0x00ff","digest":"0x01","list":["1"]}');
});
