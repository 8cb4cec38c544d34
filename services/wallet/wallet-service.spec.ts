import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '#payments/rpc/connect.js';
import { typedClient } from '#payments/rpc/typed-client.js';
import { HealthDefinition } from '#protos/grpc/health/v1/health.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { type PaidService, publishEcho, startPaidService, text, textOf } from '#test/support/paid-service.js';
import {
  giveMoney,
  startWalletProcess,
  tokenIn,
  type WalletProcess,
  walletHome,
} from '#test/support/wallet-process.js';
import { payFor, pinOf, quoteOf } from '#test/support/wallets.js';

describe('the wallet process', () => {
  let chain: Chain;
  let service: PaidService;
  let home: string;
  let wallet: WalletProcess;

  beforeAll(async () => {
    const databaseUrl = await createDatabase();
    chain = await startChain();
    service = await startPaidService({ chain, databaseUrl, ...(await publishEcho(chain)) });
    home = await walletHome(chain);
    wallet = await startWalletProcess(home, { DATABASE_URL: databaseUrl });
    await giveMoney(chain, wallet.payer, 1_000_000n);
  });

  afterAll(async () => {
    await wallet?.process.stop();
    await service?.stop();
    await chain?.stop();
  });

  it('pays calls of programs that hold its token', async () => {
    const remote = wallet.connect();
    const request = quoteOf([pinOf(service)]);
    const { quote, pins, transaction } = await remote.openQuote(request);
    expect(quote.maxTotal).toBe(request.maxTotal);
    expect(pins).toHaveLength(1);
    expect(transaction).toMatch(/^0x/);
    const { reply, state } = await payFor(remote, service, request.quoteId, text('hello'));
    expect([textOf(reply.bytes), state]).toEqual(['hello', 'SETTLED']);
    expect(await remote.quoteStatus(request.quoteId)).toMatchObject({ settled: 100n, exposure: 100n, closed: false });
    await remote.closeQuote(request.quoteId);
    expect(await remote.account()).toMatchObject({ free: 0n });
  });

  it('keeps keys, tokens and password in files that only their owner may read', () => {
    const folder = join(home, 'wallet');
    const files = readdirSync(folder).sort();
    expect(files).toEqual(['admin.token', 'channels.json', 'password', 'payer.json', 'spend.token']);
    for (const file of files) expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(join(folder, 'payer.json'), 'utf8')).Crypto.kdf).toBe('scrypt');
  });

  it('answers health', async () => {
    const client = connect(wallet.address);
    expect(await typedClient(HealthDefinition, client).check({ service: '' })).toMatchObject({ status: 1 });
    client.close();
  });

  it('refuses who has no token, a wrong one, or one of too small a scope', async () => {
    await expect(wallet.connect('wrong').account()).rejects.toMatchObject({ reason: 'UNAUTHENTICATED' });
    const admin = wallet.connect(tokenIn(home, 'admin'));
    const none = { total: undefined, perCall: undefined, perDay: undefined, expiresAtSec: undefined };
    const reader = wallet.connect(await admin.createToken('reader', 'READ', none));
    await expect(reader.account()).resolves.toBeDefined();
    await expect(reader.openQuote(quoteOf([pinOf(service)]))).rejects.toMatchObject({ reason: 'PERMISSION_DENIED' });
    await expect(wallet.connect().createToken('x', 'READ', none)).rejects.toMatchObject({
      reason: 'PERMISSION_DENIED',
    });
    await admin.revokeToken('reader');
    await expect(reader.account()).rejects.toMatchObject({ reason: 'UNAUTHENTICATED' });
    expect((await admin.tokens()).map(({ name, revoked }) => [name, revoked])).toEqual([
      ['admin', false],
      ['spend', false],
      ['reader', true],
    ]);
  });
});
