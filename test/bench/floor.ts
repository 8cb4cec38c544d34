import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { recover, SigningKey } from '#payments/signature.js';
import type { EchoProvider } from './echo-provider.js';
import { callMany, median, round3 } from './measure.js';

export interface Floor {
  readonly signMs: number;
  readonly recoverMs: number;
  /** One row of a call's size, inserted durably in a table that has nothing but a key. */
  readonly durableRowMs: number;
}

/**
 * What nobody can leave out of a paid call: payer and provider sign once each and check each other's signature, and the
 * provider writes one row before it answers. Each is measured alone, again and again, with warm caches.
 */
export async function measureFloor({ payerDatabase }: EchoProvider, times: number): Promise<Floor> {
  const key = new SigningKey(randomBytes(32));
  const client = new pg.Client({ connectionString: payerDatabase });
  await client.connect();
  try {
    await client.query('create table floor (id bytea primary key, call bytea)');
    const insert = () => {
      const values = [randomBytes(32), randomBytes(800)];
      return client.query({ name: 'floor', text: 'insert into floor values ($1, $2)', values });
    };
    const durableRowMs = await medianMs(times, insert);
    const hash = randomBytes(32);
    const signMs = await medianMs(times, () => key.sign(hash));
    const signatures = Array.from({ length: times }, () => key.sign(hash));
    const recoverMs = await medianMs(times, () => recover(hash, signatures.pop()!));
    return { signMs: round3(signMs), recoverMs: round3(recoverMs), durableRowMs: round3(durableRowMs) };
  } finally {
    await client.query('drop table if exists floor');
    await client.end();
  }
}

/** Over an unpaid call of `unpaidMs`: the least that a paid one can take. */
export const floorRatio = ({ signMs, recoverMs, durableRowMs }: Floor, unpaidMs: number): number =>
  round3((unpaidMs + 2 * (signMs + recoverMs) + durableRowMs) / unpaidMs);

/** Of doing it so often, one after the other. */
async function medianMs(calls: number, work: () => unknown): Promise<number> {
  const call = async () => {
    await work();
    return undefined;
  };
  return median((await callMany({ name: 'floor', call }, { concurrency: 1, calls })).latenciesMs);
}
