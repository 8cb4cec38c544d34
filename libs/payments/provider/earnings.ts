import type pg from 'pg';
import { ledgerUnavailable } from './charge-commit.js';

/** What a tenure has earned by a provider's ledger, in minor units. */
export interface Earnings {
  readonly asset: bigint;
  readonly tenure: number;
  readonly channels: number;
  readonly calls: bigint;
  readonly earned: bigint;
  readonly claimed: bigint;
}

/** Of every asset and tenure in the ledger; for whoever looks on, too. Errors: LEDGER_UNAVAILABLE. */
export async function readEarnings(pool: pg.Pool): Promise<Earnings[]> {
  const { rows } = await pool
    .query<Record<'asset' | 'tenure' | 'channels' | 'calls' | 'earned' | 'claimed', string>>(
      `select asset, tenure, count(*) as channels, sum(calls) as calls, sum(spent) as earned, sum(claimed) as claimed
         from provider.channel group by asset, tenure order by asset, tenure`,
    )
    .catch((error: unknown) => {
      throw ledgerUnavailable(error);
    });
  return rows.map((row) => ({
    asset: BigInt(row.asset),
    tenure: Number(row.tenure),
    channels: Number(row.channels),
    calls: BigInt(row.calls),
    earned: BigInt(row.earned),
    claimed: BigInt(row.claimed),
  }));
}
