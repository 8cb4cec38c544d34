import { type BaseWallet, Wallet } from 'ethers';
import pg from 'pg';
import { interfaceOf } from '#contracts/artifact.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { onEnd } from '#test/support/on-end.js';
import { startRpcProxy } from '#test/support/rpc-proxy.js';
import { chainProvider } from './chain-provider.js';
import { TransactionSender, type TransactionSenderOptions } from './transaction-sender.js';

describe('a sender of transactions', () => {
  let chain: Chain;
  let pool: pg.Pool;
  let chainId: bigint;
  let account = 3;

  beforeAll(async () => {
    chain = await startChain();
    chainId = chain.deployment.chainId;
    pool = new pg.Pool({ connectionString: await createDatabase(), max: 10 });
    await pool.query('create schema s');
  });

  afterAll(async () => {
    await pool.end();
    await chain.stop();
  });

  const newKey = () => new Wallet(chain.account(account++).privateKey) as BaseWallet;

  async function start(key: BaseWallet, options: Partial<TransactionSenderOptions> = {}): Promise<TransactionSender> {
    const rpcUrl = options.rpcUrl ?? chain.rpcUrl;
    const provider = chainProvider({ rpcUrl, chainId });
    onEnd(() => provider.destroy());
    const sender = await TransactionSender.start({
      pool,
      schema: 's',
      key,
      provider,
      rpcUrl,
      chainId,
      confirmations: 0,
      interfaces: [interfaceOf('Escrow'), interfaceOf('TestToken')],
      ...options,
    });
    onEnd(() => sender.stop());
    return sender;
  }

  const stored = async (key: BaseWallet) =>
    (
      await pool.query<{ hash: string; nonce: string; refused: boolean }>(
        'select hash, nonce, refused from s.sent_transaction where sender = $1 order by nonce',
        [key.address],
      )
    ).rows;

  const mint = (key: BaseWallet) => chain.token.mint(key.address, 1n);

  it('uses each nonce once, however many processes send with one key', async () => {
    const key = newKey();
    const senders = await Promise.all([start(key), start(key), start(key)]);
    const receipts = await Promise.all(senders.flatMap((sender) => [1, 2, 3, 4].map(() => sender.send(mint(key)))));
    expect(new Set(receipts.map(({ hash }) => hash)).size).toBe(12);
    expect((await stored(key)).map(({ nonce }) => Number(nonce))).toEqual([...Array(12).keys()]);
    expect(await chain.token.balanceOf(key.address)).toBe(12n);
  });

  it('starts for many keys at once on a schema that has no table yet', async () => {
    for (const schema of ['fresh1', 'fresh2', 'fresh3']) {
      await pool.query(`create schema ${schema}`);
      const senders = await Promise.all(
        Array.from({ length: 8 }, () => start(new Wallet(Wallet.createRandom().privateKey), { schema })),
      );
      expect(senders).toHaveLength(8);
    }
  });

  it('T29 sends the very same bytes after a crash between storing and broadcasting, and nothing twice', async () => {
    const key = newKey();
    const proxy = await startRpcProxy(chain.rpcUrl);
    const first = await start(key, { rpcUrl: proxy.url });
    let reached: () => void = () => {};
    const cut = new Promise<void>((resolve) => {
      reached = resolve;
    });
    proxy.decide((method) => {
      if (method !== 'eth_sendRawTransaction') return 'pass';
      reached();
      return 'lose request';
    });
    const sending = first.send(mint(key)).catch((error: unknown) => error);
    await cut;
    const [row] = await stored(key);
    expect(await chain.provider.getTransactionReceipt(row!.hash)).toBeNull();
    first.stop();
    expect(await sending).toMatchObject({ reason: 'CANCELLED' });

    const second = await start(key);
    expect(await chain.provider.waitForTransaction(row!.hash, 1, 10_000)).toMatchObject({ status: 1 });
    await second.send(mint(key));
    expect(await stored(key)).toHaveLength(2);
    expect(await chain.token.balanceOf(key.address)).toBe(2n);
  });

  it('T29 finds its transaction mined when only the answer to the broadcast was lost', async () => {
    const key = newKey();
    const proxy = await startRpcProxy(chain.rpcUrl);
    const sender = await start(key, { rpcUrl: proxy.url });
    proxy.decide((method) => (method === 'eth_sendRawTransaction' ? 'lose answer' : 'pass'));
    await expect(sender.send(mint(key))).resolves.toMatchObject({ status: 1 });
    expect(await chain.token.balanceOf(key.address)).toBe(1n);
  });

  it('T22 brings back what a reorganisation of the chain took away', async () => {
    const key = newKey();
    const sender = await start(key);
    const { hash } = await sender.send(mint(key));
    await chain.provider.send('anvil_reorg', [2, []]);
    if ((await chain.provider.getTransactionReceipt(hash)) === null)
      await chain.provider.send('anvil_dropTransaction', [hash]).catch(() => {});
    const next = await sender.send(mint(key));
    expect(await chain.provider.getTransactionReceipt(hash)).toMatchObject({ status: 1 });
    expect(next.status).toBe(1);
    expect(await chain.token.balanceOf(key.address)).toBe(2n);
  });

  it('explains a refusal by the contract’s own error and stores nothing', async () => {
    const key = newKey();
    const sender = await start(key);
    await expect(sender.send(chain.escrow.withdraw(5n, key.address))).rejects.toMatchObject({
      reason: 'FUNDS_TOO_LOW',
      details: { revert: 'InsufficientBalance' },
    });
    expect(await stored(key)).toEqual([]);
  });

  it('says that there is no money for gas, and goes on when there is', async () => {
    const key = Wallet.createRandom() as unknown as BaseWallet;
    const sender = await start(key);
    await expect(sender.send(mint(key))).rejects.toMatchObject({ reason: 'FUNDS_TOO_LOW' });
    await chain.provider.send('anvil_setBalance', [key.address, '0xde0b6b3a7640000']);
    await expect(sender.send(mint(key))).resolves.toMatchObject({ status: 1 });
  });

  it('waits for its confirmations', async () => {
    const key = newKey();
    const sender = await start(key, { confirmations: 2 });
    let done = false;
    const sending = sender.send(mint(key)).then((receipt) => {
      done = true;
      return receipt;
    });
    const mined = async () => (await chain.token.balanceOf(key.address)) === 1n;
    while (!(await mined())) await new Promise((resolve) => setTimeout(resolve, 10));
    await chain.advance(1);
    expect(done).toBe(false);
    await chain.advance(1);
    await expect(sending).resolves.toMatchObject({ status: 1 });
  });

  it('names the chain that does not answer and says how to start it', async () => {
    const provider = chainProvider({ rpcUrl: 'http://user:secret@127.0.0.1:9/key', chainId });
    const options = { pool, schema: 's', key: newKey(), provider, chainId, confirmations: 0, interfaces: [] };
    const starting = TransactionSender.start({ ...options, rpcUrl: 'http://user:secret@127.0.0.1:9/key' });
    const error = await starting.catch((each: Error) => each);
    expect(error).toMatchObject({ reason: 'CHAIN_UNAVAILABLE' });
    expect((error as Error).message).toMatch(/127\.0\.0\.1:9 .*npm start/);
    expect((error as Error).message).not.toMatch(/secret|key/);
    provider.destroy();
  });
});
