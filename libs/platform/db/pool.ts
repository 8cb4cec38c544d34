import { Logger } from '@nestjs/common';
import pg from 'pg';

export interface PoolOptions {
  /** Connections at most; default 10. */
  readonly max?: number;
  /** How the database names us in its lists. */
  readonly name?: string;
}

/** A pool that survives the end of its database: connections are made anew when it is back. `end()` it. */
export function createPool(url: string, { max = 10, name = 'weft' }: PoolOptions = {}): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    application_name: name,
    // Without it a call would wait for ever for a database that does not answer.
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
  });
  // An idle connection that breaks (restart, also the server's stop after our own `end()`) would else end the process.
  pool.on('error', (error) => new Logger('db').warn({ msg: 'a database connection broke', reason: error.message }));
  // The same for a connection that breaks while it is lent out, between two statements; the next one then fails.
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}
