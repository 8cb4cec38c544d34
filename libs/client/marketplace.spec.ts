import { statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Deployment, deploymentFile, writeDeployment } from '#contracts/deployment.js';
import { tempDir } from '#test/support/temp-dir.js';
import {
  type Marketplace,
  marketplaceFile,
  readContracts,
  readMarketplace,
  readWalletToken,
  writeMarketplace,
} from './marketplace.js';

const address = (digit: string) => `0x${digit.repeat(40)}`;
const marketplace: Marketplace = {
  chainId: 31_337,
  rpcUrl: 'http://127.0.0.1:8545',
  contracts: {
    token: address('1'),
    assets: address('2'),
    escrow: address('3'),
    revenue: address('4'),
    licences: address('5'),
    jobs: address('6'),
    anchor: address('7'),
  },
  registry: '127.0.0.1:50051',
  wallet: 'grpc://127.0.0.1:50052',
  walletTokenFile: 'tokens/client',
  gateway: 'http://127.0.0.1:8080',
  temporal: { address: '127.0.0.1:7233', namespace: 'default', ui: 'http://127.0.0.1:8233' },
  taskQueue: 'weft',
  allowPrivateEndpoints: true,
};

describe('marketplace file', () => {
  let home: string;
  beforeEach(() => {
    home = tempDir();
  });

  it('gives back what was written', async () => {
    await writeMarketplace(join(home, 'new'), marketplace);
    expect(await readMarketplace(join(home, 'new'))).toEqual(marketplace);
  });

  it('T40 is for its owner alone, since RPC URLs carry API keys', async () => {
    await writeMarketplace(home, marketplace);
    expect(statSync(marketplaceFile(home)).mode & 0o777).toBe(0o600);
  });

  it('says how to start a marketplace where there is none', async () => {
    await expect(readMarketplace(home)).rejects.toMatchObject({
      reason: 'CONFIG_INVALID',
      message: expect.stringContaining('npm start'),
    });
  });

  it.each([
    ['contracts.escrow', { ...marketplace, contracts: { ...marketplace.contracts, escrow: '0x12' } }],
    ['temporal.address', { ...marketplace, temporal: { ...marketplace.temporal, address: 'nowhere' } }],
    ['chainId', { ...marketplace, chainId: '31337' }],
  ])('names the field that is wrong: %s', async (field, wrong) => {
    await writeFile(marketplaceFile(home), JSON.stringify(wrong));
    await expect(readMarketplace(home)).rejects.toMatchObject({ reason: 'CONFIG_INVALID', details: { field } });
  });

  describe('beside a file of addresses', () => {
    const { contracts, ...without } = marketplace;
    const more = ['market', 'votes', 'governor', 'timelock'] as const;
    const deployment = {
      chainId: 31_337n,
      ...contracts,
      ...Object.fromEntries(more.map((name) => [name, address('8')])),
      blockNumber: 17,
    } as unknown as Deployment;

    it('takes the addresses from there', async () => {
      await writeDeployment(deploymentFile(home), deployment);
      await writeFile(marketplaceFile(home), JSON.stringify(without));
      expect((await readMarketplace(home)).contracts).toEqual({ ...contracts, jobs: deployment.jobs, blockNumber: 17 });
      await writeMarketplace(home, marketplace);
      expect((await readMarketplace(home)).contracts).toEqual({ ...contracts, jobs: deployment.jobs, blockNumber: 17 });
    });

    it.each([
      ['contracts.escrow', { ...deployment, escrow: address('9') as never }],
      ['chainId', { ...deployment, chainId: 1n }],
    ])('refuses two that differ in %s', async (field, other) => {
      await writeMarketplace(home, marketplace);
      await writeDeployment(deploymentFile(home), other);
      await expect(readMarketplace(home)).rejects.toMatchObject({ reason: 'CONFIG_INVALID', details: { field } });
    });

    describe('that WEFT_CONTRACTS_FILE names', () => {
      let named: string;
      beforeEach(() => {
        named = join(tempDir(), 'copy.json');
        process.env['WEFT_CONTRACTS_FILE'] = named;
      });
      afterEach(() => {
        delete process.env['WEFT_CONTRACTS_FILE'];
      });

      it('takes them from there, so that a part on another machine needs no more than a copy', async () => {
        await writeDeployment(named, deployment);
        await writeFile(marketplaceFile(home), JSON.stringify(without));
        expect((await readMarketplace(home)).contracts).toMatchObject({ escrow: deployment.escrow, blockNumber: 17 });
        expect(await readContracts(home)).toEqual({ file: named, contracts: deployment });
      });

      it.each([
        ['that is not there', undefined, 'copy.json is not there'],
        [
          'of another deployment than its own',
          { ...deployment, escrow: address('9') as never },
          'is another deployment',
        ],
      ])('refuses a file %s', async (_, other, says) => {
        await writeMarketplace(home, marketplace);
        await writeDeployment(deploymentFile(home), deployment);
        if (other !== undefined) await writeDeployment(named, other);
        await expect(readMarketplace(home)).rejects.toMatchObject({
          reason: 'CONFIG_INVALID',
          message: expect.stringContaining(says),
          details: { file: named, field: 'WEFT_CONTRACTS_FILE' },
        });
      });
    });

    it('says where there are no addresses at all', async () => {
      await writeFile(marketplaceFile(home), JSON.stringify(without));
      await expect(readMarketplace(home)).rejects.toMatchObject({
        reason: 'CONFIG_INVALID',
        message: expect.stringContaining('contracts.json'),
      });
    });
  });

  it('refuses what is not JSON', async () => {
    await writeFile(marketplaceFile(home), '{');
    await expect(readMarketplace(home)).rejects.toMatchObject({ reason: 'CONFIG_INVALID' });
  });

  it("names the file of the wallet's token when it is missing", async () => {
    await expect(readWalletToken(home, marketplace)).rejects.toMatchObject({
      reason: 'CONFIG_INVALID',
      details: { file: join(home, 'tokens/client') },
    });
  });
});
