import { serialize } from 'node:v8';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { Anchor } from '#contracts/anchor.js';
import { MerkleTree } from '#payments/merkle-tree.js';
import { connect } from '#payments/rpc/connect.js';
import { hashListing } from '#payments/typed-data.js';
import type { Payment } from '#payments/wire.js';
import { createPool } from '#platform/db/pool.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import type { ProviderProcess } from '#test/support/fixtures/provider.js';
import { publishEcho, SAY, startPaidService, text } from '#test/support/paid-service.js';
import { callPaid, newCall, openChannel, type PayingChannel } from '#test/support/paying.js';
import { type NodeProcess, spawnNode } from '#test/support/spawn-node.js';
import { tempDir } from '#test/support/temp-dir.js';

describe('a provider that is killed while it anchors', () => {
  let chain: Chain;
  let anchor: Anchor;
  let echo: Awaited<ReturnType<typeof publishEcho>>;
  let home: Omit<ProviderProcess, 'fault'>;
  let pool: pg.Pool;
  let channel: PayingChannel;
  /** Of every call that was paid. */
  const paid: { digest: Buffer; amount: bigint }[] = [];
  const lost: Payment[] = [];
  const running: NodeProcess[] = [];

  beforeAll(async () => {
    chain = await startChain();
    anchor = new Anchor(chain.deployment.anchor, chain.provider);
    echo = await publishEcho(chain);
    const databaseUrl = await createDatabase();
    home = {
      databaseUrl,
      rpcUrl: chain.rpcUrl,
      deployment: chain.deployment,
      listing: echo.listing,
      secret: Buffer.from(echo.operatorWallet.privateKey.slice(2), 'hex'),
      bodies: tempDir(),
      port: undefined,
      settles: 'anchors',
    };
    pool = createPool(databaseUrl);
    // The ledger is born before the channel is opened.
    await (await startPaidService({ chain, databaseUrl, listing: echo.listing, operator: echo.operator })).stop();
    await chain.fund(chain.account(2), 1_000_000n);
    channel = await openChannel(chain, chain.account(2), echo.asset, 100_000n);
  });
  afterAll(async () => {
    for (const each of running) await each.killHard();
    await pool?.end();
    await chain?.stop();
  });

  async function start(
    at?: NonNullable<ProviderProcess['fault']>['at'],
  ): Promise<{ process: NodeProcess; address: string }> {
    const options: ProviderProcess = { ...home, fault: at && { at, nth: 1 } };
    const argument = serialize(options).toString('base64');
    const process = spawnNode('test/support/fixtures/provider.ts', { args: [argument] });
    running.push(process);
    const [, address] = await process.waitForLine(/^ready (.*)$/);
    return { process, address: address! };
  }

  /** Asks again for what a death left unanswered, then makes one call more. */
  async function pay(address: string): Promise<void> {
    const client = connect(address);
    try {
      const request = text('served');
      lost.push(channel.pay(newCall(hashListing(echo.listing), SAY, request, 100n)));
      for (const payment of lost.splice(0)) {
        const { receipt } = await callPaid(client, `/${SAY}`, request, payment);
        if (receipt === undefined) lost.push(payment);
        else paid.push({ digest: channel.hashOfReceipt(receipt), amount: receipt.amount });
      }
    } finally {
      client.close();
    }
  }

  /** Every receipt is under exactly one root that the chain has, and nothing else is. */
  async function expectAnchoredOnce(): Promise<void> {
    let open = 1;
    while (open > 0) {
      const { rows } = await pool.query(
        `select (select count(*) from provider.call where epoch is null)
              + (select count(*) from provider.epoch where anchored_at_sec is null) as open`,
      );
      open = Number(rows[0].open);
    }
    const { rows } = await pool.query('select id, number from provider.epoch order by number');
    expect(BigInt(rows.length)).toBe(await anchor.epochs(echo.asset, 1));
    let receipts = 0n;
    const found: string[] = [];
    for (const { id, number } of rows) {
      const leaves = await pool.query('select * from provider.anchored where epoch = $1 order by place', [id]);
      const tree = new MerkleTree(
        leaves.rows.map((row) => ({ receiptDigest: row.receipt_digest, amount: BigInt(row.amount) })),
      );
      const onChain = await anchor.epoch(echo.asset, 1, BigInt(number));
      expect(Buffer.from(onChain!.root)).toEqual(tree.root);
      receipts += onChain!.receipts;
      found.push(...leaves.rows.map((row) => row.receipt_digest.toString('hex')));
    }
    expect(lost).toEqual([]);
    expect(receipts).toBe(BigInt(paid.length));
    expect(found.sort()).toEqual(paid.map(({ digest }) => digest.toString('hex')).sort());
  }

  test.each([
    ['its epoch is written down and no transaction made', 'epoch', false],
    ['its transaction is stored and not sent', 'stored', false],
    ['its transaction is mined and not recorded', 'sent', false],
    ['its transaction is sent, and then the node drops it', 'sent', true],
  ] as const)('I11 T29 anchors every receipt once: killed when %s', async (_, at, dropped) => {
    const first = await start(at);
    if (dropped) await chain.provider.send('evm_setAutomine', [false]);
    await pay(first.address);
    await first.process.exited;
    if (dropped) {
      for (const hash of await pendingHashes()) await chain.provider.send('anvil_dropTransaction', [hash]);
      await chain.provider.send('evm_setAutomine', [true]);
    }
    const second = await start();
    await pay(second.address);
    await expectAnchoredOnce();
    await second.process.killHard();
  });

  async function pendingHashes(): Promise<string[]> {
    const { pending } = (await chain.provider.send('txpool_content', [])) as {
      pending: Record<string, Record<string, { hash: string }>>;
    };
    const hashes = Object.values(pending).flatMap((byNonce) => Object.values(byNonce).map(({ hash }) => hash));
    if (hashes.length === 0) throw new Error('the node holds no transaction');
    return hashes;
  }
});
