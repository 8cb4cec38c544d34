import { dayText, parseDay, utcDay } from './utc-day.js';

test('days are counted in UTC', () => {
  expect(utcDay(86_399)).toBe(0);
  expect(utcDay(86_400)).toBe(1);
  expect(dayText(utcDay(1_795_824_000))).toBe('2026-11-28');
  expect(parseDay('2026-11-28', '--from')).toBe(utcDay(1_795_824_000));
});

test.each(['2026-02-30', '28.11.2026', '2026-13-01', '2026-1-1', 'today', ''])('"%s" is no day', (text) => {
  expect(() => parseDay(text, '--from')).toThrow(
    expect.objectContaining({ reason: 'INVALID_INPUT', details: { field: '--from' } }),
  );
});
