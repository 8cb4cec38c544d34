import type pg from 'pg';
import type { LicenceState } from '#contracts/licences.js';
import { asBuffer } from '#platform/as-buffer.js';
import type { BodyStore } from './body-store.js';
import { ChargeCommit, type ChargeResult, ledgerUnavailable } from './charge-commit.js';
import { storeResponse, type UnaryCharge } from './store-response.js';
import { StreamLedger } from './stream-ledger.js';

/** One licence as the provider's ledger knows it. Counts are 0 for all but passes. */
export interface LedgerLicence {
  /** 32 bytes. */
  readonly id: Uint8Array;
  readonly asset: bigint;
  readonly tenure: number;
  readonly counted: boolean;
  readonly state: 'OPEN' | 'FROZEN' | 'ENDED';
  /** The last one that was seen here, 20 bytes. */
  readonly signer: Uint8Array;
  readonly signerNumber: number;
  /** The highest count that the signer signed. */
  readonly authorised: bigint;
  /** The highest use as it came, a `weft.payment.v1.Payment`. */
  readonly voucher: Uint8Array | undefined;
  /** Calls that were served. */
  readonly spent: bigint;
  readonly claimed: bigint;
  /** Minor units that a claim of all that was served would make the seller's; 0 if they are already. */
  readonly worth: bigint;
  readonly untilSec: number | undefined;
  readonly unclaimedSinceSec: number | undefined;
}

/** A licence as a block shows it. */
export interface LicenceOnChain extends LicenceState {
  /** Time of the block. */
  readonly atSec: number;
}

/** Licences in the provider's ledger. Their calls stand among the others, in the scope of the licence's id. */
export class LicenceLedger {
  readonly streams: StreamLedger;
  readonly #charges: ChargeCommit;

  constructor(
    private readonly pool: pg.Pool,
    private readonly bodies: BodyStore,
  ) {
    this.streams = new StreamLedger(pool, bodies, 'licence');
    this.#charges = new ChargeCommit(pool, 'licence');
  }

  async licence(id: Uint8Array): Promise<LedgerLicence | undefined> {
    const { rows } = await this.#query('select * from provider.licence where id = $1', [asBuffer(id)]);
    return rows[0] && toLicence(rows[0]);
  }

  /**
   * Takes over what the chain shows, for a licence whose signer has just proved to be asking. Gives undefined for one
   * that is over and was never seen here. A new signer begins where the chain's count stands, since the seller's
   * operator signed for that.
   */
  async take(id: Uint8Array, onChain: LicenceOnChain): Promise<LedgerLicence | undefined> {
    const { holder, signer, uses, callsLeft } = onChain;
    const calls = uses + (callsLeft ?? 0n);
    if (signer !== undefined)
      await this.#query(
        `insert into provider.licence (id, asset, tenure, counted, state, signer, signer_number, authorised, spent,
                                       ceiling, claimed, until_sec)
         values ($1, $2, $3, $4, 'OPEN', $5, $6, $7, $7, $8, $7, $9) on conflict do nothing`,
        [
          asBuffer(id),
          String(onChain.asset),
          onChain.tenure,
          onChain.kind === 'pass',
          asBuffer(signer),
          onChain.signerNumber,
          String(uses),
          String(calls),
          onChain.validUntilSec ?? null,
        ],
      );
    const { rows } = await this.#query(TAKE, [
      asBuffer(id),
      holder === undefined,
      signer === undefined ? null : asBuffer(signer),
      onChain.signerNumber,
      String(uses),
      String(calls),
      onChain.validUntilSec ?? null,
      onChain.atSec,
      String(onChain.kind === 'pass' ? onChain.paid - onChain.earned : 0n),
      String(callsLeft ?? 0n),
    ]);
    return rows[0] && toLicence(rows[0]);
  }

  /** Ends a pass at what is spent now: nothing is charged on it until its signer changes or `untilSec` has passed. */
  async freeze(id: Uint8Array, untilSec: number): Promise<LedgerLicence | undefined> {
    const { rows } = await this.#query(
      `update provider.licence
          set state = 'FROZEN', ceiling = spent, frozen_until_sec = greatest(frozen_until_sec, $2::bigint)
        where id = $1 and counted and state in ('OPEN', 'FROZEN') returning *`,
      [asBuffer(id), untilSec],
    );
    return rows[0] && toLicence(rows[0]);
  }

  /** As `ProviderLedger.charge`; `channel` and `payer` are both the licence's id. Errors: UNDERPAID, LICENCE_USED_UP, LEDGER_UNAVAILABLE. */
  async charge(charge: UnaryCharge): Promise<ChargeResult> {
    return await this.#charges.add(await storeResponse(this.bodies, charge));
  }

  /** Passes with calls that were not claimed yet; or every licence that is not over. */
  async licences(which: 'unclaimed' | 'all'): Promise<LedgerLicence[]> {
    const { rows } = await this.#query(
      `select * from provider.licence where state <> 'ENDED' ${which === 'unclaimed' ? 'and spent > claimed' : ''}
        order by asset, tenure, id`,
      [],
    );
    return rows.map(toLicence);
  }

  async settled(): Promise<void> {
    await this.#charges.settled();
  }

  async #query(text: string, values: readonly unknown[]): Promise<pg.QueryResult<LicenceRow>> {
    try {
      return await this.pool.query<LicenceRow>(text, [...values]);
    } catch (error) {
      throw ledgerUnavailable(error);
    }
  }
}

const TAKE = `
update provider.licence l
   set state = n.state, claimed = $5, spent = n.spent, until_sec = $7, unearned = $9, calls_left = $10,
       signer = case when n.anew then $3 else l.signer end,
       signer_number = case when n.anew then $4 else l.signer_number end,
       voucher = case when n.anew then null else l.voucher end,
       authorised = case when n.anew then n.spent else greatest(l.authorised, n.spent) end,
       ceiling = case when n.state = 'OPEN' then greatest(n.spent, $6) else n.spent end,
       frozen_until_sec = case when n.state = 'FROZEN' then l.frozen_until_sec end,
       unclaimed_since_sec = case when n.spent > $5 then coalesce(l.unclaimed_since_sec, $8::bigint) end
  from (select id, anew,
               case when anew then $5 else greatest(spent, $5) end as spent,
               case when $2 then 'ENDED'
                    when state = 'FROZEN' and not anew and ($3::bytea is null or $8::bigint <= frozen_until_sec) then 'FROZEN'
                    else 'OPEN' end as state
          from (select *, $3::bytea is not null and $4 > signer_number as anew
                  from provider.licence where id = $1 for update) as row) n
 where l.id = n.id
returning l.*`;

interface LicenceRow {
  readonly id: Buffer;
  readonly asset: string;
  readonly tenure: string;
  readonly counted: boolean;
  readonly state: LedgerLicence['state'];
  readonly signer: Buffer;
  readonly signer_number: number;
  readonly authorised: string;
  readonly voucher: Buffer | null;
  readonly spent: string;
  readonly claimed: string;
  readonly unearned: string;
  readonly calls_left: string;
  readonly until_sec: string | null;
  readonly unclaimed_since_sec: string | null;
}

const secOf = (text: string | null): number | undefined => (text === null ? undefined : Number(text));

/** Each call that is left earns the same part of what is not the seller's yet. */
function worthOf(row: LicenceRow): bigint {
  const left = BigInt(row.calls_left);
  return left === 0n ? 0n : ((BigInt(row.spent) - BigInt(row.claimed)) * BigInt(row.unearned)) / left;
}

const toLicence = (row: LicenceRow): LedgerLicence => ({
  id: row.id,
  asset: BigInt(row.asset),
  tenure: Number(row.tenure),
  counted: row.counted,
  state: row.state,
  signer: row.signer,
  signerNumber: row.signer_number,
  authorised: BigInt(row.authorised),
  voucher: row.voucher ?? undefined,
  spent: BigInt(row.spent),
  claimed: BigInt(row.claimed),
  worth: worthOf(row),
  untilSec: secOf(row.until_sec),
  unclaimedSinceSec: secOf(row.unclaimed_since_sec),
});
