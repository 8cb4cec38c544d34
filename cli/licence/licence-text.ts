import type { LicenceOffer, LicenceState, OfferStatus } from '#contracts/licences.js';
import { toHex } from '#core/hex.js';
import { type Column, table } from '../output/table.js';
import { localTime, shortHex } from '../output/units.js';

const right = (title: string): Column => ({ title, align: 'right' });
const DAY_SEC = 86_400;

const span = (sec: number): string =>
  sec === 0 ? 'for good' : sec % DAY_SEC === 0 ? `${sec / DAY_SEC} days` : `${sec} s`;

const terms = (offer: LicenceOffer): string =>
  (['exclusive', 'transferable', 'refundable', 'revocable'] as const).filter((each) => offer[each]).join(', ');

/** One row for each offer. */
export function offersText(
  offers: readonly { readonly offerId: Uint8Array; readonly offer: LicenceOffer; readonly status: OfferStatus }[],
): string {
  const rows = offers.map(({ offerId, offer, status }) => [
    offer.kind,
    String(offer.price),
    span(offer.spanSec),
    offer.kind === 'pass' ? String(offer.calls) : 'any',
    terms(offer),
    status,
    toHex(offerId),
  ]);
  const columns = [
    { title: 'KIND' },
    right('PRICE'),
    right('RUNS'),
    right('CALLS'),
    { title: 'TERMS' },
    { title: 'STATUS' },
    { title: 'OFFER', maxWidth: 66 },
  ];
  return table(columns, rows);
}

/** One row for each licence. */
export function licencesText(
  licences: readonly (LicenceState & { readonly licenceId: Uint8Array; readonly signed?: bigint })[],
): string {
  const rows = licences.map((each) => [
    each.kind,
    String(each.asset),
    each.holder === undefined ? 'over' : each.valid ? 'valid' : 'not valid',
    each.validUntilSec === undefined ? 'for good' : localTime(each.validUntilSec),
    each.callsLeft === undefined ? 'any' : String(each.callsLeft),
    each.signed === undefined || each.callsLeft === undefined ? '' : String(each.signed),
    each.holder === undefined ? '' : shortHex(toHex(each.holder)),
    toHex(each.licenceId),
  ]);
  const columns = [
    { title: 'KIND' },
    right('ASSET'),
    { title: 'STATE' },
    { title: 'UNTIL' },
    right('LEFT'),
    right('SIGNED'),
    { title: 'HOLDER' },
    { title: 'LICENCE', maxWidth: 66 },
  ];
  return table(columns, rows);
}
