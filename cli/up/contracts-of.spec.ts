import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonRpcProvider } from 'ethers';
import { connectChain } from '#contracts/chain-provider.js';
import { deployOnce } from '#contracts/deploy.js';
import { type Deployment, readDeployment } from '#contracts/deployment.js';
import { type LocalChain, startAnvil } from '#platform/local/anvil.js';
import { tempDir } from '#test/support/temp-dir.js';
import { contractsOf } from './contracts-of.js';
import { devAccount } from './dev-account.js';
import { Funding } from './funding.js';

describe('contracts of a home on a chain that is no local one', () => {
  let anvil: LocalChain;
  let provider: JsonRpcProvider;
  let given: string;
  let deployment: Deployment;
  let file: string;

  beforeAll(async () => {
    anvil = await startAnvil({ chainId: 424_242 });
    provider = await connectChain(anvil.url);
    given = join(tempDir(), 'deployed.json');
    deployment = await deployOnce(devAccount(provider), given, { windowSec: 7_200 });
  });
  afterAll(async () => {
    provider?.destroy();
    await anvil?.stop();
  });
  beforeEach(() => {
    file = join(tempDir(), 'contracts.json');
  });
  afterEach(() => {
    delete process.env['WEFT_CONTRACTS_FILE'];
  });

  it('are not deployed by the way, and nothing is sent', async () => {
    const before = await provider.getBlockNumber();
    await expect(contractsOf(provider, file)).rejects.toMatchObject({
      reason: 'CONFIG_INVALID',
      message: expect.stringContaining('npx weft deploy'),
    });
    expect(await provider.getBlockNumber()).toBe(before);
    expect(existsSync(file)).toBe(false);
  });

  it('are those of a file that is named, which the home takes over', async () => {
    process.env['WEFT_CONTRACTS_FILE'] = given;
    expect(await contractsOf(provider, file)).toEqual(deployment);
    delete process.env['WEFT_CONTRACTS_FILE'];
    expect(await readDeployment(file)).toEqual(deployment);
    expect(await contractsOf(provider, file)).toEqual(deployment);
  });

  it('are not exchanged for others', async () => {
    const other = await deployOnce(devAccount(provider), file, { windowSec: 3_600 });
    process.env['WEFT_CONTRACTS_FILE'] = given;
    await expect(contractsOf(provider, file)).rejects.toMatchObject({ reason: 'CONFIG_INVALID', details: { file } });
    expect(await readDeployment(file)).toEqual(other);
  });

  it('are missed where the named file is not', async () => {
    process.env['WEFT_CONTRACTS_FILE'] = join(tempDir(), 'none.json');
    await expect(contractsOf(provider, file)).rejects.toMatchObject({ reason: 'CONFIG_INVALID' });
  });

  it('cannot make their sellers rich: who has no gas is named', async () => {
    const error = await new Funding(anvil.url, deployment).ofProvider(tempDir()).catch((thrown) => thrown);
    expect(error.reason).toBe('FUNDS_TOO_LOW');
    const accounts = (error.details.accounts as string).split(' ');
    expect(accounts.length).toBeGreaterThan(5);
    for (const each of accounts) expect(await provider.getBalance(each)).toBe(0n);
  });
});
