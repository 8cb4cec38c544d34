import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { onEnd } from './on-end.js';

/** The URL of a fresh, empty database on the run's PostgreSQL; dropped when the spec file is done. */
export async function createDatabase(): Promise<string> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await onServer(`create database ${name}`);
  onEnd(() => onServer(`drop database if exists ${name} with (force)`));
  const url = new URL(serverUrl());
  url.pathname = `/${name}`;
  return url.href;
}

/** A database that has what another has, which nobody may be using. */
export async function copyDatabase(url: string): Promise<string> {
  const copy = await createDatabase();
  const [from, to] = [url, copy].map((each) => new URL(each).pathname.slice(1));
  await onServer(`drop database ${to}`);
  await onServer(`create database ${to} template ${from}`);
  return copy;
}

async function onServer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl() });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function serverUrl(): string {
  const url = process.env['WEFT_TEST_POSTGRES'];
  if (url === undefined) throw new Error('WEFT_TEST_POSTGRES is not set: run this through jest');
  return url;
}
