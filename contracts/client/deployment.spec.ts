import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NonceManager } from 'ethers';
import { type Chain, startChain } from '#test/support/chain.js';
import { connectChain } from './chain-provider.js';
import { deploy, deployOnce, isDeployed, readDeployment, writeDeployment } from './deployment.js';

const options = { windowSec: 3600 };

describe('a deployment', () => {
  let chain: Chain;
  let folder: string;
  let file: string;
  const deployer = () => new NonceManager(chain.account(9));
  const transactions = () => chain.provider.getTransactionCount(chain.account(9).address);

  beforeAll(async () => {
    chain = await startChain();
  });
  afterAll(() => chain.stop());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weft-deployment-'));
    file = join(folder, 'home', 'deployment.json');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is made once and found again in its file', async () => {
    const first = await deployOnce(deployer(), file, options);
    const sent = await transactions();
    expect(await deployOnce(deployer(), file, options)).toEqual(first);
    expect(await transactions()).toBe(sent);
    expect(await readDeployment(file)).toEqual(first);
    expect(await isDeployed(chain.provider, first)).toBe(true);
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ chainId: '31337', escrow: first.escrow });
  });

  it('uses a token that is there already', async () => {
    const { token } = chain.deployment;
    const made = await deploy(deployer(), { ...options, token });
    expect(made.token).toBe(token);
    expect(made.escrow).not.toBe(chain.deployment.escrow);
  });

  it('is made anew when the chain was started from nothing', async () => {
    const lost = { ...chain.deployment, escrow: `0x${'ab'.repeat(20)}` } as const;
    await writeDeployment(file, lost);
    const made = await deployOnce(deployer(), file, options);
    expect(made.escrow).not.toBe(lost.escrow);
    expect(await readDeployment(file)).toEqual(made);
  });

  it('of another chain is neither used nor overwritten', async () => {
    await writeDeployment(file, { ...chain.deployment, chainId: 1n });
    const before = await readFile(file, 'utf8');
    await expect(deployOnce(deployer(), file, options)).rejects.toMatchObject({
      reason: 'WRONG_CHAIN',
      details: { expected: '1', actual: '31337' },
    });
    expect(await readFile(file, 'utf8')).toBe(before);
  });

  it('file that is broken is named', async () => {
    await writeDeployment(file, chain.deployment);
    for (const text of ['{', '{}', JSON.stringify({ ...chain.deployment, chainId: '1', escrow: '0x12' })]) {
      await writeFile(file, text);
      await expect(readDeployment(file)).rejects.toMatchObject({ reason: 'CONFIG_INVALID', details: { file } });
    }
    await rm(file);
    expect(await readDeployment(file)).toBeUndefined();
  });

  it('with a window the contract refuses says so', async () => {
    await expect(deploy(deployer(), { windowSec: 10 })).rejects.toMatchObject({
      reason: 'INVALID_INPUT',
      details: { revert: 'BadWindow', windowSec: '10' },
    });
  });

  it('is not looked for where no chain answers', async () => {
    await expect(connectChain('http://127.0.0.1:9')).rejects.toMatchObject({
      reason: 'CHAIN_UNAVAILABLE',
      details: { address: 'http://127.0.0.1:9' },
    });
  });
});
