import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import type { Market } from './select.js';

/** A licence that a payer named for its calls, and what it admits them to. Whether it is good, the wallet says. */
export interface NamedLicence {
  /** 32 bytes. */
  readonly licenceId: Uint8Array;
  readonly asset: bigint;
  readonly tenure: number;
}

/** Errors: INVALID_INPUT (two are for one asset), NOT_FOUND, CHAIN_UNAVAILABLE. */
export async function namedLicences(
  market: Pick<Market, 'licence'>,
  ids: readonly Uint8Array[],
): Promise<NamedLicence[]> {
  const named = await Promise.all(ids.map((id) => licenceOf(market, id)));
  const again = named.find(({ asset }, i) => named.findIndex((each) => each.asset === asset) !== i);
  if (again !== undefined)
    throw new WeftError('INVALID_INPUT', `licences: two are for asset ${again.asset}; name the one to use`, {
      field: 'licences',
      asset: String(again.asset),
    });
  return named;
}

async function licenceOf(market: Pick<Market, 'licence'>, licenceId: Uint8Array): Promise<NamedLicence> {
  const { offerId, asset, tenure } = await market.licence(licenceId);
  if (offerId !== undefined) return { licenceId, asset, tenure };
  const licence = toHex(licenceId);
  throw new WeftError('NOT_FOUND', `the chain has no licence ${licence}: \`weft licence show\` lists the wallet's`, {
    field: 'licences',
    licence,
  });
}
