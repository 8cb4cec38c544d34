import type { StandingOffer } from '#contracts/standing-offers.js';
import { toHex } from '#core/hex.js';
import { type Column, table } from '../output/table.js';
import { localTime, shortHex } from '../output/units.js';
import type { Sale } from './buy.js';

const columns: Column[] = [
  { title: 'ASSET', align: 'right' },
  { title: 'WHAT' },
  { title: 'PRICE', align: 'right' },
  { title: 'TOKEN' },
  { title: 'BY', maxWidth: 42 },
  { title: 'UNTIL' },
];

/** One row for each ask and offer. */
export function offersText(offers: readonly StandingOffer[]): string {
  const rows = offers.map((each) => [
    String(each.asset),
    each.kind === 'ask' ? 'asked' : 'offered',
    String(each.price),
    shortHex(toHex(each.token)),
    toHex(each.kind === 'ask' ? each.owner : each.buyer),
    localTime(each.expiresAtSec),
  ]);
  return table(columns, rows);
}

export const soldText = ({ asset, seller, buyer, price, royalty, tenure }: Sale): string =>
  [
    `asset ${asset} went from ${toHex(seller)} to ${toHex(buyer)}, who has it in tenure ${tenure + 1}`,
    `price ${price}, of which ${royalty} to its maker; what it earned until now is the seller's`,
  ].join('\n');
