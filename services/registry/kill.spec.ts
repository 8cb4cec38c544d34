import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { Directory } from '#client/listing/directory.js';
import { announceListing, type ListingInForce, putInForce } from '#client/listing/publish.js';
import { writeDeployment } from '#contracts/deployment.js';
import type { GrpcApp } from '#platform/grpc/start-grpc-app.js';
import { createDatabase } from '#test/support/database.js';
import { languageOffer, type Market, startLanguage, startMarket } from '#test/support/market.js';
import { type NodeProcess, spawnNode } from '#test/support/spawn-node.js';
import { tempDir } from '#test/support/temp-dir.js';

describe('a registry that is killed while it publishes', () => {
  let market: Market;
  let service: GrpcApp;
  let databaseUrl: string;
  let contractsFile: string;
  beforeAll(async () => {
    market = await startMarket();
    service = await startLanguage();
    databaseUrl = await createDatabase();
    contractsFile = join(tempDir(), 'contracts.json');
    await writeDeployment(contractsFile, market.chain.deployment);
  });
  afterAll(async () => {
    await service?.close();
    await market?.stop();
  });

  async function startProcess(): Promise<{ process: NodeProcess; directory: Directory }> {
    const process = spawnNode('services/registry/main.ts', {
      env: {
        DATABASE_URL: databaseUrl,
        WEFT_RPC_URL: market.chain.rpcUrl,
        WEFT_CONTRACTS_FILE: contractsFile,
        WEFT_ALLOW_PRIVATE_ENDPOINTS: 'true',
        WEFT_VISIT_EVERY_SEC: '3600',
      },
    });
    const [, address = ''] = await process.waitForLine(/"address":"([^"]+)".*"msg":"ready"/);
    return { process, directory: new Directory(address) };
  }

  const rows = async (listing: ListingInForce): Promise<{ listings: number; changes: number; contracts: number }> => {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    try {
      const count = async (from: string, values: unknown[] = []) =>
        Number((await client.query(`select count(*) from ${from}`, values)).rows[0].count);
      return {
        listings: await count('registry.listing where digest = $1', [listing.digest]),
        changes: await count('registry.change c join registry.listing l on l.id = c.listing_id where l.digest = $1', [
          listing.digest,
        ]),
        contracts: await count('registry.contract'),
      };
    } finally {
      await client.end();
    }
  };

  /** Publishing again, at a new process, finds what stands on chain and takes it; doing it twice changes nothing. */
  async function expectWhole(listing: ListingInForce): Promise<void> {
    const { process, directory } = await startProcess();
    try {
      const record = await announceListing(directory, listing);
      expect(record).toMatchObject({ status: 'active', isServing: true });
      expect(record.digest).toEqual(listing.digest);
      await directory.publish(listing.input);
      expect(await rows(listing)).toEqual({ listings: 1, changes: 1, contracts: 1 });
      const head = await market.chain.assets.head(record.listing.asset);
      expect(Buffer.from(head.listing)).toEqual(record.digest);
      const [found] = await directory.search('language', 50);
      expect(found).toBeDefined();
    } finally {
      directory.close();
      await process.stop();
    }
  }

  it('while it visits the endpoint: nothing is recorded, and publishing again works', async () => {
    // Takes the connection and says nothing, so that the registry waits.
    const sockets: Socket[] = [];
    let visited: () => void;
    const visit = new Promise<void>((resolve) => (visited = resolve));
    const silent = createServer((socket) => {
      sockets.push(socket.on('error', () => {}));
      visited();
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    const listing = await putInForce(market.newPublisher(), languageOffer(`grpc://127.0.0.1:${port}`));
    const { process, directory } = await startProcess();
    const publishing = expect(directory.publish(listing.input)).rejects.toMatchObject({
      reason: 'REGISTRY_UNAVAILABLE',
    });
    await visit;
    await process.killHard();
    await publishing;
    directory.close();
    expect(await rows(listing)).toEqual({ listings: 0, changes: 0, contracts: 0 });

    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
    const app = await startLanguage({ port });
    try {
      await expectWhole(listing);
    } finally {
      await app.close();
    }
  });

  it('inside its transaction: nothing is recorded, and publishing again works', async () => {
    const listing = await putInForce(market.newPublisher(), languageOffer(`grpc://${service.address}`));
    const { process, directory } = await startProcess();
    // Everything is inserted, and the lines that tell of it cannot be: so it stands in the middle.
    const blocker = new pg.Client({ connectionString: databaseUrl });
    await blocker.connect();
    await blocker.query('begin');
    await blocker.query('lock table registry.change in access exclusive mode');
    const publishing = expect(directory.publish(listing.input)).rejects.toMatchObject({
      reason: 'REGISTRY_UNAVAILABLE',
    });
    await untilBlocked(blocker);
    await process.killHard();
    await publishing;
    directory.close();
    await blocker.query('rollback');
    await blocker.end();
    await expectWhole(listing);
  });

  it('after its commit, before its answer: it is recorded once', async () => {
    const listing = await putInForce(market.newPublisher(), languageOffer(`grpc://${service.address}`));
    const { process, directory } = await startProcess();
    const watcher = directory.watch((await lastSeq()) ?? 0n);
    const seen = watcher.next();
    const publishing = directory.publish(listing.input).catch(() => {});
    // The change is told at commit.
    await seen;
    await process.killHard();
    await publishing;
    directory.close();
    await expectWhole(listing);
  });

  async function lastSeq(): Promise<bigint | undefined> {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    const { rows: found } = await client.query('select max(seq) as seq from registry.change');
    await client.end();
    return found[0].seq === null ? undefined : BigInt(found[0].seq);
  }

  /** Until a connection waits for a lock that `blocker` holds. Asked apart from it: a transaction sees activity as it was at its beginning. */
  async function untilBlocked(blocker: pg.Client): Promise<void> {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    try {
      const { rows: own } = await blocker.query('select pg_backend_pid() as pid');
      for (;;) {
        const { rows: found } = await client.query(
          'select count(*) from pg_stat_activity where $1 = any (pg_blocking_pids(pid))',
          [own[0].pid],
        );
        if (Number(found[0].count) > 0) return;
      }
    } finally {
      await client.end();
    }
  }
});
