import type { ProviderLedger } from './provider-ledger.js';

/** Calls whose responses are dropped, or channels whose calls are, in one statement. */
const BATCH = 500;
/** It admits no call any more, so none of its ids can come back as a new one. */
const LICENCE_IS_OVER = `(l.state = 'ENDED' or l.until_sec < $1::bigint) and c.at_sec < $1::bigint`;
/** No step of it pays for a call again, here or on chain. What was not paid is in no epoch. */
const JOB_IS_OVER = `(j.state = 'UNPAID' or (j.state = 'PAID' and (c.epoch is not null or not $2))) and c.at_sec < $1::bigint`;
/** A file is older than what it holds by at most so much before a row could still need it. */
const FILE_SLACK_SEC = 86_400;

/**
 * Drops what need not be kept: responses after `retainSec` (their receipts stay), calls of channels that are closed
 * on chain, and of licences and steps of jobs that are over; with `anchors`, only those whose receipts are in an epoch.
 * Gives how many of each.
 */
export async function sweepLedger(
  ledger: ProviderLedger,
  { retainSec, nowSec, anchors = false }: { retainSec: number; nowSec: number; anchors?: boolean },
): Promise<{ responses: number; calls: number; files: number }> {
  const before = nowSec - Math.max(retainSec, 86_400);
  const repeat = async (statement: string, values: unknown[]) => {
    for (let total = 0; ; ) {
      const { rowCount } = await ledger.pool.query(statement, values);
      total += rowCount ?? 0;
      if ((rowCount ?? 0) < BATCH) return total;
    }
  };
  const responses =
    (await repeat(
      `update provider.call set response = null, body = null where (payer, call_id) in (
         select payer, call_id from provider.call
          where at_sec < $1 and (response is not null or body is not null) limit ${BATCH})`,
      [before],
    )) +
    (await repeat(
      `update provider.stream_window set messages = null, body = null where (payer, call_id, n) in (
         select w.payer, w.call_id, w.n from provider.stream_window w join provider.call c using (payer, call_id)
          where c.at_sec < $1 and (w.messages is not null or w.body is not null) limit ${BATCH})`,
      [before],
    ));
  await repeat(
    `delete from provider.stream_window where (payer, call_id, n) in (
       select w.payer, w.call_id, w.n from provider.stream_window w join provider.call c using (payer, call_id)
         join provider.channel h on h.id = c.channel
        where h.state = 'CLOSED' limit ${BATCH})`,
    [],
  );
  const calls = await repeat(
    `delete from provider.call where (payer, call_id) in (
       select c.payer, c.call_id from provider.call c join provider.channel h on h.id = c.channel
        where h.state = 'CLOSED' and (c.state = 'VOID' or c.epoch is not null or not $1) limit ${BATCH})`,
    [anchors],
  );
  await repeat(
    `delete from provider.stream_window where (payer, call_id, n) in (
       select w.payer, w.call_id, w.n from provider.stream_window w join provider.call c using (payer, call_id)
         join provider.licence l on l.id = c.channel
        where ${LICENCE_IS_OVER} limit ${BATCH})`,
    [before],
  );
  const ofLicences = await repeat(
    `delete from provider.call where (payer, call_id) in (
       select c.payer, c.call_id from provider.call c join provider.licence l on l.id = c.channel
        where ${LICENCE_IS_OVER} and (c.state = 'VOID' or c.epoch is not null or not $2) limit ${BATCH})`,
    [before, anchors],
  );
  const ofJobs = await repeat(
    `delete from provider.call where (payer, call_id) in (
       select c.payer, c.call_id from provider.call c join provider.job j
           on j.id = c.channel and j.payer = c.payer and j.call_id = c.call_id
        where ${JOB_IS_OVER} limit ${BATCH})`,
    [before, anchors],
  );
  const files = await ledger.bodies.sweep((before - FILE_SLACK_SEC) * 1000, async (digest) => {
    const { rows } = await ledger.pool.query(
      `select 1 from provider.call where body = $1
       union all select 1 from provider.stream_window where body = $1 limit 1`,
      [digest],
    );
    return rows.length > 0;
  });
  return { responses, calls: calls + ofLicences + ofJobs, files };
}
