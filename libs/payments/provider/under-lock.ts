import type pg from 'pg';

/**
 * Does `work` if no other process does anything under that name; with `wait`, once none does. The lock ends with its
 * connection, also when this process dies.
 */
export async function underLock(pool: pg.Pool, name: string, wait: boolean, work: () => Promise<void>): Promise<void> {
  const client = await pool.connect();
  let held = false;
  try {
    held = await lock(client, name, wait);
    if (held) await work();
  } finally {
    if (held) await client.query('select pg_advisory_unlock(hashtextextended($1, 0))', [name]).catch(() => {});
    client.release();
  }
}

async function lock(client: pg.ClientBase, name: string, wait: boolean): Promise<boolean> {
  const { rows } = await client.query<{ held: boolean }>(
    wait
      ? 'select true as held from (select pg_advisory_lock(hashtextextended($1, 0))) as waited'
      : 'select pg_try_advisory_lock(hashtextextended($1, 0)) as held',
    [name],
  );
  return rows[0]?.held === true;
}
