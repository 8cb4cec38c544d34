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
