import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { recover, SigningKey } from '#payments/signature.js';
import type { EchoProvider } from './echo-provider.js';
import { median, round3 } from './measure.js';

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
    const durableRowMs = await timed(times, insert);
    const hash = randomBytes(32);
    const signMs = await timed(times, () => key.sign(hash));
    const signed = Array.from({ length: times }, () => key.sign(hash));
    const recoverMs = await timed(times, (i) => recover(hash, signed[i]!));
    return { signMs: round3(signMs), recoverMs: round3(recoverMs), durableRowMs: round3(durableRowMs) };
  } finally {
    await client.query('drop table if exists floor');
    await client.end();
  }
}

/** Over an unpaid call of `unpaidMs`: the least that a paid one can take. */
export const floorRatio = ({ signMs, recoverMs, durableRowMs }: Floor, unpaidMs: number): number =>
  round3((unpaidMs + 2 * (signMs + recoverMs) + durableRowMs) / unpaidMs);

async function timed(times: number, work: (i: number) => unknown): Promise<number> {
  const tookMs: number[] = [];
  for (let i = 0; i < times; i++) {
    const beganMs = performance.now();
    await work(i);
    tookMs.push(performance.now() - beganMs);
  }
  return median(tookMs);
}
