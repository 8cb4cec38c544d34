import fc from 'fast-check';
import { Budget } from './budget.js';

/** What may happen to one call after it was let through. */
const end = fc.oneof(fc.constant('fails' as const), fc.double({ min: 0, max: 1, noNaN: true }));
const calls = fc.array(fc.record({ most: fc.bigInt(0n, 200n), end, late: fc.boolean() }), { maxLength: 1_000 });

test('T38 I10 whatever is asked and however calls end, what may be charged never passes the limit', () => {
  fc.assert(
    fc.property(fc.bigInt(0n, 5_000n), fc.bigInt(0n, 200n), calls, (maxTotal, maxPerCall, asked) => {
      const budget = new Budget({ maxTotal, maxPerCall });
      const later: (() => void)[] = [];
      let charged = 0n;
      let open = 0n;
      for (const { most, end, late } of asked) {
        let reserved: { settle(amount: bigint): void };
        try {
          reserved = budget.reserve(most);
        } catch {
          expect(most > maxPerCall || most > budget.left).toBe(true);
          continue;
        }
        open += most;
        const settle = () => {
          // A failed call stays open for ever: its provider may still charge all of it.
          if (end === 'fails') return;
          const amount = BigInt(Math.floor(Number(most) * end));
          open -= most;
          charged += amount;
          reserved.settle(amount);
          reserved.settle(0n);
        };
        if (late) later.push(settle);
        else settle();
        expect(charged + open).toBeLessThanOrEqual(maxTotal);
        expect(budget.left).toBe(maxTotal - charged - open);
      }
      for (const settle of later) settle();
      expect(budget.left).toBe(maxTotal - charged - open);
    }),
  );
});
