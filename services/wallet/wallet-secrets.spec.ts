import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import { Wallet } from 'ethers';
import pg from 'pg';
import { connect } from '#payments/rpc/connect.js';
import { callRaw } from '#payments/rpc/raw-call.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { type PaidService, publishEcho, startPaidService, text } from '#test/support/paid-service.js';
import { spawnNode } from '#test/support/spawn-node.js';
import {
  giveMoney,
  startWalletProcess,
  tokenIn,
  type WalletProcess,
  walletHome,
} from '#test/support/wallet-process.js';
import { payFor, pinOf, quoteOf } from '#test/support/wallets.js';
import { openKeys } from './wallet-keys.js';

describe('the wallet’s secrets', () => {
  let chain: Chain;
  let service: PaidService;
  let home: string;
  let databaseUrl: string;
  let wallet: WalletProcess;
  const errors: string[] = [];

  beforeAll(async () => {
    databaseUrl = await createDatabase();
    chain = await startChain();
    service = await startPaidService({ chain, databaseUrl: await createDatabase(), ...(await publishEcho(chain)) });
    home = await walletHome(chain);
    wallet = await startWalletProcess(home, { DATABASE_URL: databaseUrl, LOG_LEVEL: 'trace' });
    await giveMoney(chain, wallet.payer, 1_000_000n);
    const remote = wallet.connect();
    const request = quoteOf([pinOf(service)]);
    await remote.openQuote(request);
    await payFor(remote, service, request.quoteId, text('paid'));
    // Everything that goes wrong tells something.
    const bad = [
      remote.openQuote(quoteOf([pinOf(service, { calls: 0 })])),
      remote.openQuote(quoteOf([pinOf(service, { maxPerCall: 10n ** 20n })], { maxTotal: 10n ** 22n })),
      remote.createToken('x', 'READ', {
        total: undefined,
        perCall: undefined,
        perDay: undefined,
        expiresAtSec: undefined,
      }),
      remote.closeChannel(new Uint8Array(32)),
      wallet.connect(`${tokenIn(home, 'spend')}x`).account(),
    ];
    for (const each of bad)
      await each.then(fail, (error: Error) => errors.push(`${error.message} ${JSON.stringify(error)}`));
    const client = connect(wallet.address);
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${tokenIn(home, 'admin')}`);
    const reply = await callRaw(client, '/weft.wallet.v1.WalletService/OpenQuote', Buffer.from('ffff', 'hex'), {
      metadata,
    });
    errors.push(JSON.stringify(reply.error), reply.trailers.getMap().toString());
    client.close();
  });

  afterAll(async () => {
    await wallet?.process.stop();
    await service?.stop();
    await chain?.stop();
  });

  /** In every form in which they might show. */
  function canaries(): string[] {
    const keys = openKeys(home);
    const password = readFileSync(join(home, 'wallet/password'), 'utf8');
    const seed = Buffer.from(keys.channelSeed);
    const secret = keys.payer.privateKey.slice(2);
    return [
      secret,
      Buffer.from(secret, 'hex').toString('base64'),
      seed.toString('hex'),
      seed.toString('base64'),
      password,
      keys.tokens.admin,
      keys.tokens.spend,
    ];
  }

  const expectNone = (output: string) => {
    expect(output.length).toBeGreaterThan(0);
    for (const canary of canaries()) expect(output.toLowerCase()).not.toContain(canary.toLowerCase());
  };

  const fail = () => {
    throw new Error('this should have been refused');
  };

  it('T40 I14 stand in no line that it logs, at the most talkative level', () => {
    expectNone(wallet.process.lines.join('\n'));
  });

  it('T40 I14 stand in no error that it answers', () => {
    expect(errors.length).toBeGreaterThanOrEqual(7);
    expectNone(errors.join('\n'));
  });

  it('T40 I14 stand in no figure that it shows', async () => {
    const url = wallet.process.lines.join('\n').match(/"metrics":"([^"]+)"/)?.[1];
    const figures = await (await fetch(`${url}/metrics`)).text();
    expect(figures).toMatch(/weft_wallet_ledger_writable\{app="wallet"\} 1/);
    expectNone(figures);
  });

  it('T41 stand neither in its arguments nor in its environment', () => {
    const { pid } = wallet.process;
    for (const file of ['cmdline', 'environ']) expectNone(readFileSync(`/proc/${pid}/${file}`, 'utf8'));
  });

  it('T41 are not in its database', async () => {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    const tables = await client.query<{ tablename: string }>(
      `select tablename from pg_tables where schemaname = 'payer'`,
    );
    expect(tables.rows.map(({ tablename }) => tablename)).toContain('token');
    for (const { tablename } of tables.rows) {
      const { rows } = await client.query<{ row: string }>(`select t::text as row from payer.${tablename} t`);
      if (rows.length > 0) expectNone(rows.map(({ row }) => row).join('\n'));
    }
    await client.end();
  });

  it('T39 are not part of what it answers to programs, which is all that a workflow can see', async () => {
    const remote = wallet.connect();
    const seen = [
      await remote.account(),
      await remote.channels(),
      await wallet.connect(tokenIn(home, 'admin')).tokens(),
    ];
    expectNone(
      JSON.stringify(seen, (_, value) =>
        typeof value === 'bigint'
          ? String(value)
          : value instanceof Uint8Array
            ? Buffer.from(value).toString('hex')
            : value,
      ),
    );
  });

  it('T41 lie encrypted: without the password file the keystores are worth nothing', async () => {
    for (const name of ['payer.json', 'channels.json'])
      await expect(
        Wallet.fromEncryptedJson(readFileSync(join(home, 'wallet', name), 'utf8'), 'guess'),
      ).rejects.toBeDefined();
  });

  it('T41 are refused when others may read them, or when the password is not theirs', async () => {
    const file = join(home, 'wallet/payer.json');
    chmodSync(file, 0o644);
    const open = spawnNode('services/wallet/main.ts', { env: { WEFT_HOME: home, DATABASE_URL: databaseUrl } });
    expect((await open.exited).code).toBe(1);
    expect(open.lines.join('\n')).toMatch(/may be read by others: run .*chmod 600/);
    chmodSync(file, 0o600);

    const other = join(home, 'other');
    mkdirSync(other);
    writeFileSync(join(other, 'password'), 'not the one', { mode: 0o600 });
    expect(() => openKeys(home, join(other, 'password'))).toThrow(/payer.json does not open with its password/);
  });

  it('are the same after a restart', () => {
    expect(openKeys(home).payer.address.toLowerCase()).toBe(wallet.payer);
    expect(openKeys(home)).toEqual(openKeys(home));
  });
});
