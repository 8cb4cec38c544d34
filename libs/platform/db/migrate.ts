import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate as migrateWithDrizzle } from 'drizzle-orm/node-postgres/migrator';
import pg from 'pg';

export interface MigrateOptions {
  /** The folder of `NNNN_name.sql` and `meta/_journal.json`; give `new URL('./migrations', import.meta.url)`. */
  readonly folder: string | URL;
  /** The schema that the owning service has to itself; made if missing. Also keeps what has been applied. */
  readonly schema: string;
}

/** Brings a schema up to date. Replicas may start at once: one applies, the others wait and find nothing to do. */
export async function migrate(url: string, { folder, schema }: MigrateOptions): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => {});
  await client.connect();
  try {
    // Held by the session: it ends with us, however we end.
    await client.query('select pg_advisory_lock(hashtextextended($1, 0))', [`weft migration of ${schema}`]);
    await migrateWithDrizzle(drizzle(client), {
      migrationsFolder: folder instanceof URL || folder.startsWith('file:') ? fileURLToPath(folder) : folder,
      migrationsSchema: schema,
      migrationsTable: 'migration',
    });
  } finally {
    await client.end();
  }
}
