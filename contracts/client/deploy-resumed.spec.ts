import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getCreateAddress, type HDNodeWallet } from 'ethers';
import { devAccount } from '#cli/up/dev-account.js';
import { type LocalChain, startAnvil } from '#platform/local/anvil.js';
import { startRpcProxy } from '#test/support/rpc-proxy.js';
import { tempDir } from '#test/support/temp-dir.js';
import { mined } from './chain.js';
import { chainProvider, connectChain } from './chain-provider.js';
import { deployOnce } from './deploy.js';
import { type Deployment, readDeployment } from './deployment.js';
import { journalFile } from './deployment-journal.js';
import { verifyDeployment } from './verify-deployment.js';

const options = { windowSec: 3_600 };
/** Transactions of a whole deployment with a test token. */
const WHOLE = 9;

describe('a deployment that fails half way', () => {
  let anvil: LocalChain;
  let deployer: HDNodeWallet;
  let file: string;
  const provider = () => deployer.provider as ReturnType<typeof chainProvider>;
  const sent = () => provider().getTransactionCount(deployer.address);

  beforeEach(async () => {
    anvil = await startAnvil();
    deployer = devAccount(await connectChain(anvil.url));
    file = join(tempDir(), 'contracts.json');
  });
  afterEach(async () => {
    provider().destroy();
    await anvil.stop();
  });

  async function expectOne(made: Deployment, transactions = WHOLE): Promise<void> {
    expect(await sent()).toBe(transactions);
    expect(await readDeployment(file)).toEqual(made);
    expect(await verifyDeployment(provider(), made)).toEqual([]);
    expect(existsSync(journalFile(file))).toBe(false);
    expect(await deployOnce(deployer, file, options)).toEqual(made);
    expect(await sent()).toBe(transactions);
  }

  const cuts = Array.from({ length: WHOLE }, (_, n) => n + 1).flatMap((n) => [
    [n, 'lose request'] as const,
    [n, 'lose answer'] as const,
  ]);

  test.each(cuts)('at transaction %i (%s) goes on from there and makes none twice', async (n, fate) => {
    const proxy = await startRpcProxy(anvil.url);
    let seen = 0;
    proxy.decide((method) => (method === 'eth_sendRawTransaction' && ++seen === n ? fate : 'pass'));
    const cut = chainProvider({ rpcUrl: proxy.url, chainId: 31_337n });
    const failed = deployOnce(deployer.connect(cut), file, options);
    await expect(failed).rejects.toMatchObject({ reason: 'CHAIN_UNAVAILABLE' });
    cut.destroy();
    // The node answers when it has taken a transaction, and may not have mined it yet.
    const taken = await provider().getTransactionCount(deployer.address, 'pending');
    expect(taken).toBe(fate === 'lose request' ? n - 1 : n);
    expect(existsSync(file)).toBe(false);
    const journal = JSON.parse(await readFile(journalFile(file), 'utf8'));
    const made = await deployOnce(deployer, file, options);
    for (const { contract, address } of journal.contracts)
      if (contract !== 'Governance') expect(Object.values(made)).toContain(address);
    await expectOne(made);
  });

  it('is where its journal said before anything was sent', async () => {
    const proxy = await startRpcProxy(anvil.url);
    proxy.decide((method) => (method === 'eth_sendRawTransaction' ? 'lose request' : 'pass'));
    const cut = chainProvider({ rpcUrl: proxy.url, chainId: 31_337n });
    await expect(deployOnce(deployer.connect(cut), file, options)).rejects.toThrow();
    cut.destroy();
    const journal = JSON.parse(await readFile(journalFile(file), 'utf8'));
    expect(journal.contracts).toHaveLength(WHOLE);
    expect(journal).toMatchObject({ chainId: '31337', windowSec: 3_600, deployer: deployer.address.toLowerCase() });
    const made = await deployOnce(deployer, file, options);
    expect(made.assets).toBe(
      journal.contracts.find((each: { contract: string }) => each.contract === 'Assets').address,
    );
  });

  it('is made once also by two at the same time', async () => {
    const [one, two] = await Promise.all([deployOnce(deployer, file, options), deployOnce(deployer, file, options)]);
    expect(one).toEqual(two);
    await expectOne(one);
  });

  it('keeps what is there when another transaction took one of its nonces', async () => {
    const proxy = await startRpcProxy(anvil.url);
    let seen = 0;
    // The first wave is sent but for its third: the votes.
    proxy.decide((method) => (method === 'eth_sendRawTransaction' && ++seen === 3 ? 'lose request' : 'pass'));
    const cut = chainProvider({ rpcUrl: proxy.url, chainId: 31_337n });
    await expect(deployOnce(deployer.connect(cut), file, options)).rejects.toThrow();
    cut.destroy();
    await mined(await deployer.sendTransaction({ to: deployer.address, value: 1n }));
    const lines: string[] = [];
    const made = await deployOnce(deployer, file, { ...options, onProgress: (line) => lines.push(line) });
    const from = (nonce: number) => getCreateAddress({ from: deployer.address, nonce }).toLowerCase();
    expect([made.token, made.assets]).toEqual([from(0), from(1)]);
    expect(made.votes).toBe(from(3));
    expect(lines.join('\n')).toContain('took a nonce');
    await expectOne(made, WHOLE + 1);
  });

  it('is finished only as it was begun', async () => {
    const proxy = await startRpcProxy(anvil.url);
    proxy.decide((method) => (method === 'eth_sendRawTransaction' ? 'lose request' : 'pass'));
    const cut = chainProvider({ rpcUrl: proxy.url, chainId: 31_337n });
    await expect(deployOnce(deployer.connect(cut), file, options)).rejects.toThrow();
    cut.destroy();
    const begun = await readFile(journalFile(file), 'utf8');
    await expect(deployOnce(deployer, file, { windowSec: 7_200 })).rejects.toMatchObject({
      reason: 'CONFIG_INVALID',
      details: { file: journalFile(file), field: 'windowSec' },
    });
    await writeFile(journalFile(file), begun.replace(`"genesis": "0x`, `"genesis": "x`));
    await expect(deployOnce(deployer, file, options)).rejects.toMatchObject({
      reason: 'CONFIG_INVALID',
      details: { file: journalFile(file) },
    });
    // Of a local chain that was started from nothing since.
    const other = begun.replace(/"genesis": "0x[0-9a-f]{64}"/, `"genesis": "0x${'12'.repeat(32)}"`);
    await writeFile(journalFile(file), other.replaceAll(/: 3600/g, ': 7200'));
    await expectOne(await deployOnce(deployer, file, options));
  });

  it('is whole again after a reorganisation took some of it', async () => {
    const lines: string[] = [];
    let reorganised = false;
    const mine = setInterval(
      () =>
        void provider()
          .send('anvil_mine', ['0x1'])
          .catch(() => {}),
      50,
    );
    const made = await deployOnce(deployer, file, {
      ...options,
      confirmations: 12,
      resendMs: 20,
      onProgress(line) {
        lines.push(line);
        if (!line.startsWith('waiting') || reorganised) return;
        reorganised = true;
        void provider().send('anvil_reorg', [6, []]);
      },
    }).finally(() => clearInterval(mine));
    expect(reorganised).toBe(true);
    await expectOne(made);
  });

  it('goes on when a reorganisation takes a block away while it is asked about', async () => {
    const proxy = await startRpcProxy(anvil.url);
    let gone = 0;
    // What anvil says for as long as its chain is shorter.
    proxy.distort((method, answer, [, block]) => {
      if (method !== 'eth_getTransactionCount' || !String(block).startsWith('0x') || gone++ >= 3) return answer;
      const message = 'BlockOutOfRangeError: block height is 28 but requested was 15';
      return JSON.stringify({ ...JSON.parse(answer), result: undefined, error: { code: -32602, message } });
    });
    const wire = chainProvider({ rpcUrl: proxy.url, chainId: 31_337n });
    const made = await deployOnce(deployer.connect(wire), file, options);
    wire.destroy();
    expect(gone).toBeGreaterThan(3);
    await expectOne(made);
  });

  it('gets through with a higher fee when the chain became dearer', async () => {
    await provider().send('evm_setAutomine', [false]);
    let raised = false;
    const made = deployOnce(deployer, file, {
      ...options,
      resendMs: 50,
      onProgress(line) {
        if (!line.startsWith('sent Market') || raised) return;
        raised = true;
        const dearer = `0x${(40n * 10n ** 9n).toString(16)}`;
        void provider()
          .send('anvil_setNextBlockBaseFeePerGas', [dearer])
          .then(() => provider().send('evm_mine', []))
          .then(() => provider().send('evm_setAutomine', [true]));
      },
    });
    await expectOne(await made);
    expect(raised).toBe(true);
  });
});
