import { type BaseWallet, Transaction, toQuantity, Wallet } from 'ethers';
import pg from 'pg';
import { chainProvider } from '#contracts/chain-provider.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { onEnd } from '#test/support/on-end.js';
import { startRpcProxy } from '#test/support/rpc-proxy.js';
import { TransactionSender, type TransactionSenderOptions } from './transaction-sender.js';

describe('a sender of transactions', () => {
  let chain: Chain;
  let pool: pg.Pool;
  let chainId: bigint;
  let account = 3;

  beforeAll(async () => {
    chain = await startChain();
    chainId = chain.deployment.chainId;
    // anvil gives money to ten accounts only.
    for (let n = 10; n < 20; n++)
      await chain.provider.send('anvil_setBalance', [chain.account(n).address, toQuantity(10n ** 20n)]);
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

  it('leaves no nonce out when one was given back below another', async () => {
    const key = newKey();
    const proxy = await startRpcProxy(chain.rpcUrl);
    const [cutOff, sender] = [await start(key, { rpcUrl: proxy.url, rebroadcastMs: 100 }), await start(key)];
    const cut = new Promise<void>((resolve) => {
      proxy.decide((method) => {
        if (method !== 'eth_sendRawTransaction') return 'pass';
        resolve();
        return 'lose request';
      });
    });
    const dear = cutOff.send(chain.assets.mint()).catch((error: unknown) => error);
    await cut;
    const { rows } = await pool.query<{ raw: string }>('select raw from s.sent_transaction where sender = $1', [
      key.address,
    ]);
    const { gasLimit, maxFeePerGas } = Transaction.from(rows[0]!.raw);
    const tooLittle = toQuantity(gasLimit * maxFeePerGas! - 1n);
    await chain.provider.send('anvil_setBalance', [key.address, tooLittle]);
    const cheap = sender.send(mint(key));
    expect(await dear).toMatchObject({ reason: 'FUNDS_TOO_LOW' });
    await chain.provider.send('anvil_setBalance', [key.address, toQuantity(10n ** 20n)]);
    const next = await sender.send(mint(key));
    expect((await chain.provider.getTransaction(next.hash))?.nonce).toBe(0);
    await cheap;
    expect(await sender.settled()).toBeGreaterThan(0);
    expect(await chain.token.balanceOf(key.address)).toBe(2n);
  });

  it('leaves the pool’s connections to others while many wait to send', async () => {
    const key = newKey();
    const proxy = await startRpcProxy(chain.rpcUrl);
    const sender = await start(key, { rpcUrl: proxy.url });
    let letGo: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const reached = new Promise<void>((resolve) => {
      proxy.hold((method) => {
        if (method !== 'eth_estimateGas') return undefined;
        resolve();
        return held;
      });
    });
    const sending = Promise.all(Array.from({ length: 12 }, () => sender.send(mint(key))));
    await reached;
    expect(pool.waitingCount).toBe(0);
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    letGo();
    await sending;
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

  it('T29 waits for the receipt of a node that knows the nonce before it has it, and tells when another took its place', async () => {
    const key = newKey();
    const proxy = await startRpcProxy(chain.rpcUrl);
    const sender = await start(key, { rpcUrl: proxy.url, rebroadcastMs: 200 });
    let saidUsed = 0;
    proxy.distort((method, answer) => {
      if (method === 'eth_getTransactionCount' && JSON.parse(answer).result === '0x1') saidUsed++;
      if (method !== 'eth_getTransactionReceipt' || saidUsed > 1) return answer;
      return JSON.stringify({ ...JSON.parse(answer), result: null });
    });
    expect((await sender.send(mint(key))).status).toBe(1);

    proxy.decide((method) => (method === 'eth_sendRawTransaction' ? 'lose request' : 'pass'));
    const lost = sender.send(mint(key)).catch((error: unknown) => error);
    while ((await stored(key)).length < 2) await new Promise(setImmediate);
    const other = await key.connect(chain.provider).sendTransaction({ ...mint(key), nonce: 1, value: 0n });
    expect(await lost).toMatchObject({
      reason: 'TRANSACTION_REVERTED',
      message: expect.stringContaining('something else used nonce 1'),
    });
    expect((await stored(key))[1]!.hash).not.toBe(other.hash);
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

  describe('when the fee has become too low', () => {
    const rpc = (method: string, ...params: unknown[]) => chain.provider.send(method, params);
    const until = async (happened: () => Promise<boolean>) => {
      while (!(await happened())) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    const inPool = async (hash: string) => (await chain.provider.getTransaction(hash)) !== null;
    const forms = async (key: BaseWallet) =>
      (
        await pool.query<{ raw: string; hash: string }>(
          'select raw, hash from s.sent_transaction where sender = $1 order by replaces nulls first',
          [key.address],
        )
      ).rows.map(({ raw }) => Transaction.from(raw));

    beforeEach(() => rpc('evm_setAutomine', false));
    afterEach(async () => {
      await rpc('anvil_dropAllTransactions');
      await rpc('anvil_setNextBlockBaseFeePerGas', toQuantity(10n ** 9n));
      await rpc('evm_mine');
      await rpc('evm_setAutomine', true);
    });

    /** Sends while nothing is mined, then lets the base fee grow tenfold beyond what is offered, and the node forget. */
    async function sendTooCheaply(key: BaseWallet, sender: TransactionSender) {
      const sending = sender.send(mint(key));
      sending.catch(() => {});
      await until(async () => (await forms(key)).length > 0 && (await inPool((await forms(key))[0]!.hash!)));
      const [cheap] = await forms(key);
      await rpc('anvil_setNextBlockBaseFeePerGas', toQuantity(cheap!.maxFeePerGas! * 10n));
      await rpc('evm_mine');
      expect(await chain.provider.getTransactionReceipt(cheap!.hash!)).toBeNull();
      await rpc('anvil_dropTransaction', cheap!.hash!);
      return { sending, cheap: cheap! };
    }

    const what = ({ nonce, to, data, value, chainId, gasLimit }: Transaction) => ({
      nonce,
      to,
      data,
      value,
      chainId,
      gasLimit,
    });

    it('T22 sends the same transaction with a higher fee, once', async () => {
      const key = newKey();
      const sender = await start(key, { rebroadcastMs: 100 });
      const { sending, cheap } = await sendTooCheaply(key, sender);
      await until(async () => (await forms(key)).length > 1 && (await inPool((await forms(key))[1]!.hash!)));
      await rpc('evm_mine');
      const receipt = await sending;
      const [first, dear, ...more] = await forms(key);
      expect(more).toEqual([]);
      expect(receipt).toMatchObject({ status: 1, hash: dear!.hash });
      expect(first!.hash).toBe(cheap.hash);
      expect(what(dear!)).toEqual(what(first!));
      expect(dear!.maxFeePerGas! * 8n).toBeGreaterThanOrEqual(first!.maxFeePerGas! * 9n);
      expect(dear!.maxPriorityFeePerGas! * 8n).toBeGreaterThanOrEqual(first!.maxPriorityFeePerGas! * 9n);
      await rpc('evm_setAutomine', true);
      await sender.send(mint(key));
      expect(await chain.token.balanceOf(key.address)).toBe(2n);
    });

    it('T22 sends the stored replacement after a crash between storing and broadcasting it', async () => {
      const key = newKey();
      const proxy = await startRpcProxy(chain.rpcUrl);
      const first = await start(key, { rpcUrl: proxy.url });
      const { sending } = await sendTooCheaply(key, first);
      proxy.decide((method) => (method === 'eth_sendRawTransaction' ? 'lose request' : 'pass'));
      await first.resume();
      const [, dear] = await forms(key);
      expect(await inPool(dear!.hash!)).toBe(false);
      first.stop();
      await expect(sending).rejects.toMatchObject({ reason: 'CANCELLED' });

      const second = await start(key);
      await until(() => inPool(dear!.hash!));
      await rpc('evm_mine');
      await second.settled();
      expect((await forms(key)).map(({ hash }) => hash)).toHaveLength(2);
      expect(await chain.provider.getTransactionReceipt(dear!.hash!)).toMatchObject({ status: 1 });
      expect(await chain.token.balanceOf(key.address)).toBe(1n);
    });

    it('T22 is content when the cheap form is mined after the dear one was sent', async () => {
      const key = newKey();
      const sender = await start(key);
      const { sending, cheap } = await sendTooCheaply(key, sender);
      await sender.resume();
      expect(await inPool((await forms(key))[1]!.hash!)).toBe(true);
      // Another node kept the cheap one, and its base fee fell again.
      await rpc('anvil_setNextBlockBaseFeePerGas', '0x1');
      await rpc('anvil_dropTransaction', (await forms(key))[1]!.hash!);
      await rpc('eth_sendRawTransaction', cheap.serialized);
      await rpc('evm_mine');
      await expect(sending).resolves.toMatchObject({ status: 1, hash: cheap.hash });
      expect(await chain.token.balanceOf(key.address)).toBe(1n);
      await rpc('evm_setAutomine', true);
      await sender.send(mint(key));
      expect(await chain.token.balanceOf(key.address)).toBe(2n);
    });

    it('T22 raises a fee once, however many processes see that it is too low', async () => {
      const key = newKey();
      const sender = await start(key);
      const { sending } = await sendTooCheaply(key, sender);
      await Promise.all(Array.from({ length: 4 }, () => start(key)));
      await rpc('evm_mine');
      await sender.settled();
      expect(await forms(key)).toHaveLength(2);
      sender.stop();
      await sending.catch(() => {});
    });

    it('never offers more than it may', async () => {
      const key = newKey();
      const maxFeePerGas = 5n * 10n ** 9n;
      const sender = await start(key, { maxFeePerGas, rebroadcastMs: 100 });
      await rpc('anvil_setNextBlockBaseFeePerGas', toQuantity(maxFeePerGas));
      await expect(sender.send(mint(key))).rejects.toMatchObject({ reason: 'FEE_ABOVE_LIMIT' });
      expect(await forms(key)).toEqual([]);
      await rpc('anvil_setNextBlockBaseFeePerGas', toQuantity(10n ** 9n));
      const { sending } = await sendTooCheaply(key, sender);
      await sender.resume();
      await sender.resume();
      expect((await forms(key)).map((each) => each.maxFeePerGas! <= maxFeePerGas)).toEqual([true, true]);
      await rpc('anvil_setNextBlockBaseFeePerGas', toQuantity(10n ** 9n));
      await sender.resume();
      await rpc('evm_mine');
      await expect(sending).resolves.toMatchObject({ status: 1 });
    });
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

  it('T23 waits on when a node leaves some questions unanswered', async () => {
    const key = newKey();
    const proxy = await startRpcProxy(chain.rpcUrl);
    const sender = await start(key, { rpcUrl: proxy.url });
    let left = 3;
    proxy.decide((method) => (method === 'eth_getTransactionReceipt' && left-- > 0 ? 'lose answer' : 'pass'));
    await sender.send(mint(key));
    expect(left).toBeLessThan(0);
    expect(await chain.token.balanceOf(key.address)).toBe(1n);
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
    const options = { pool, schema: 's', key: newKey(), provider, chainId, confirmations: 0 };
    const starting = TransactionSender.start({ ...options, rpcUrl: 'http://user:secret@127.0.0.1:9/key' });
    const error = await starting.catch((each: Error) => each);
    expect(error).toMatchObject({ reason: 'CHAIN_UNAVAILABLE' });
    expect((error as Error).message).toMatch(/127\.0\.0\.1:9 .*npm start/);
    expect((error as Error).message).not.toMatch(/secret|key/);
    provider.destroy();
  });
});
