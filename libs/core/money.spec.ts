import fc from 'fast-check';
import { formatAmount, formatUnits, MAX_AMOUNT, parseAmount } from './money.js';
import { chargeFor, type Price } from './price.js';

describe('amounts', () => {
  it('come back from their decimal string', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, MAX_AMOUNT), (amount) => parseAmount(formatAmount(amount), 'amount') === amount),
    );
  });

  it.each([
    '',
    '-1',
    '01',
    '1.5',
    '1e3',
    '0x10',
    ' 1',
    '1 ',
    'NaN',
    'Infinity',
    String(MAX_AMOUNT + 1n),
    '9'.repeat(400),
  ])('T67 refuse %j and name the field', (text) =>
    expect(() => parseAmount(text, 'maxTotal')).toThrow(
      expect.objectContaining({ reason: 'INVALID_INPUT', details: { field: 'maxTotal' } }),
    ),
  );

  it('are shown with decimals', () => {
    expect([formatUnits(1_234_500n, 6), formatUnits(0n, 6), formatUnits(5n, 0), formatUnits(-1n, 2)]).toEqual([
      '1.2345',
      '0',
      '5',
      '-0.01',
    ]);
  });
});

describe('chargeFor', () => {
  const metered: Price = { method: 'a.B/C', kind: 'metered', unit: 'page', rate: 3n, per: 2n, maxAmount: 100n };

  it('T36 rounds a metered charge up and never passes the maximum', () => {
    expect([0n, 1n, 2n, 3n, 1000n].map((units) => chargeFor(metered, units))).toEqual([0n, 2n, 3n, 5n, 100n]);
    fc.assert(
      fc.property(
        fc.bigInt(0n, 2n ** 64n),
        fc.bigInt(0n, MAX_AMOUNT),
        fc.bigInt(1n, 2n ** 64n),
        fc.bigInt(0n, MAX_AMOUNT),
        (units, rate, per, max) => {
          const charge = chargeFor({ ...metered, rate, per, maxAmount: max }, units);
          return (
            charge <= max && (charge === max || (charge * per >= units * rate && (charge - 1n) * per < units * rate))
          );
        },
      ),
    );
  });

  it('takes the rate for a fixed price and nothing for a free one', () => {
    expect(chargeFor({ ...metered, kind: 'fixed' }, 9n)).toBe(3n);
    expect(chargeFor({ ...metered, kind: 'free' }, 9n)).toBe(0n);
  });
});
