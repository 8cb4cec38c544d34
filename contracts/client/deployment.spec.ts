import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCreateAddress, id as keccakOf, Wallet, ZeroAddress, ZeroHash } from 'ethers';
import { devAccount } from '#cli/up/dev-account.js';
import type { Hex } from '#core/hex.js';
import { startAnvil } from '#platform/local/anvil.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { type ContractName, initCode, interfaceOf } from './artifact.js';
import { mined } from './chain.js';
import { connectChain } from './chain-provider.js';
import { deploy, deployOnce } from './deploy.js';
import { contractNames, type Deployment, readDeployment, writeDeployment } from './deployment.js';
import { verifyDeployment } from './verify-deployment.js';

const options = { windowSec: 3600 };

describe('a deployment', () => {
  let chain: Chain;
  let folder: string;
  let file: string;
  const deployer = () => chain.account(9);
  const transactions = () => chain.provider.getTransactionCount(chain.account(9).address);

  beforeAll(async () => {
    chain = await startChain();
  });
  afterAll(() => chain?.stop());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weft-deployment-'));
    file = join(folder, 'home', 'deployment.json');
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** The same contracts made one by one, with a timelock that obeys the governor, and somebody else. */
  async function deployWithAdmin(admin: string): Promise<Deployment> {
    const blockNumber = await chain.provider.getBlockNumber();
    const make = async (name: ContractName, ...args: unknown[]) => {
      const sent = await deployer().sendTransaction({ data: initCode(name, args), nonce: await transactions() });
      return (await mined(sent)).contractAddress!.toLowerCase() as Hex;
    };
    const { token } = chain.deployment;
    const [assets, votes] = [await make('Assets'), await make('VotesToken')];
    const governor = getCreateAddress({ from: deployer().address, nonce: (await transactions()) + 1 });
    const timelock = await make('TimelockController', 86_400, [governor], [ZeroAddress], admin);
    await make('WeftGovernor', 'Weft', votes, timelock, 86_400, 259_200, 1n, 4);
    const escrow = await make('Escrow', token, assets, 3_600, timelock);
    const revenue = getCreateAddress({ from: escrow, nonce: 1 }).toLowerCase() as Hex;
    const [licences, jobs] = [await make('Licences', escrow), await make('Jobs', escrow)];
    const [market, anchor] = [await make('Market', assets, revenue), await make('Anchor', assets)];
    const owned = { votes, governor: governor.toLowerCase() as Hex, timelock };
    return { chainId: 31_337n, token, assets, escrow, revenue, licences, jobs, market, anchor, ...owned, blockNumber };
  }

  it('is made once and found again in its file', async () => {
    const first = await deployOnce(deployer(), file, options);
    const sent = await transactions();
    expect(await deployOnce(deployer(), file, options)).toEqual(first);
    expect(await transactions()).toBe(sent);
    expect(await readDeployment(file)).toEqual(first);
    expect(await verifyDeployment(chain.provider, first)).toEqual([]);
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ chainId: '31337', escrow: first.escrow });
  });

  it('is found again on a local chain that was stopped and started', async () => {
    const stateFile = join(folder, 'state.json');
    const find = async () => {
      const { url, stop } = await startAnvil({ stateFile });
      const provider = await connectChain(url);
      try {
        return await deployOnce(devAccount(provider), file, options);
      } finally {
        provider.destroy();
        await stop();
      }
    };
    expect(await find()).toEqual(await find());
  });

  it('uses a token that is there already', async () => {
    const { token } = chain.deployment;
    const made = await deploy(deployer(), { ...options, token });
    expect(made.token).toBe(token);
    expect(made.escrow).not.toBe(chain.deployment.escrow);
    expect(await verifyDeployment(chain.provider, made)).toEqual([]);
  });

  it('is made anew when a local chain was started from nothing', async () => {
    const nowhere = contractNames.map((name, i) => [name, `0x${String(i + 10).repeat(20)}`] as const);
    const lost = { ...chain.deployment, ...Object.fromEntries(nowhere) };
    await writeDeployment(file, lost);
    const made = await deployOnce(deployer(), file, options);
    expect(made.escrow).not.toBe(lost.escrow);
    expect(await readDeployment(file)).toEqual(made);
  });

  it('is made anew when a local chain lost some of it', async () => {
    const before = await deploy(deployer(), options);
    await writeDeployment(file, before);
    await chain.provider.send('anvil_setCode', [before.jobs, '0x']);
    expect(await verifyDeployment(chain.provider, before)).toEqual(['jobs']);
    const made = await deployOnce(deployer(), file, options);
    expect(await verifyDeployment(chain.provider, made)).toEqual([]);
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

  it('with a window the contract refuses says so, and sends nothing', async () => {
    const sent = await transactions();
    await expect(deploy(deployer(), { windowSec: 10 })).rejects.toMatchObject({
      reason: 'INVALID_INPUT',
      details: { revert: 'BadWindow', windowSec: '10' },
    });
    expect(await transactions()).toBe(sent);
  });

  it('by a key without money says so', async () => {
    const poor = Wallet.createRandom().connect(chain.provider);
    await expect(deploy(poor, options)).rejects.toMatchObject({ reason: 'FUNDS_TOO_LOW' });
  });

  it('is not looked for where no chain answers', async () => {
    await expect(connectChain('http://127.0.0.1:9')).rejects.toMatchObject({
      reason: 'CHAIN_UNAVAILABLE',
      details: { address: 'http://127.0.0.1:9' },
    });
  });

  describe('is refused, and its file kept, when', () => {
    const refusal = async (deployment: Deployment) => {
      await writeDeployment(file, deployment);
      const before = await readFile(file, 'utf8');
      const sent = await transactions();
      const error = await deployOnce(deployer(), file, options).catch((thrown) => thrown);
      expect(await readFile(file, 'utf8')).toBe(before);
      expect(await transactions()).toBe(sent);
      return error;
    };

    it.each(contractNames.filter((name) => name !== 'token'))('%s has other code', async (name) => {
      const { token } = chain.deployment;
      expect(await refusal({ ...chain.deployment, [name]: token })).toMatchObject({
        reason: 'CONFIG_INVALID',
        details: { file, contract: name, address: token },
        message: expect.stringContaining('other code'),
      });
    });

    it.each([
      ['assets', 'escrow', 'assets'],
      ['escrow', 'escrow', 'assets'],
      ['revenue', 'escrow', 'revenue'],
      ['licences', 'licences', 'escrow'],
      ['jobs', 'jobs', 'assets'],
      ['market', 'market', 'assets'],
      ['anchor', 'anchor', 'assets'],
      ['votes', 'governor', 'token'],
      ['governor', 'governor', 'token'],
      ['timelock', 'revenue', 'governance'],
    ] as const)('%s is that of another deployment', async (name, contract, variable) => {
      const other = await deploy(deployer(), { ...options, token: chain.deployment.token });
      expect(await refusal({ ...chain.deployment, [name]: other[name] })).toMatchObject({
        reason: 'CONFIG_INVALID',
        details: { file, contract },
        message: expect.stringContaining(`another ${variable}`),
      });
    });

    it('one immutable of one contract is not as it should be', async () => {
      const { escrow } = chain.deployment;
      const code = await chain.provider.getCode(escrow);
      const foreign = 'ee'.repeat(20);
      // Only the last of the places where the token's address is used.
      const at = code.lastIndexOf(chain.deployment.token.slice(2));
      await chain.provider.send('anvil_setCode', [escrow, code.slice(0, at) + foreign + code.slice(at + 40)]);
      try {
        const error = await refusal(chain.deployment);
        expect(error.message).toContain('another token');
      } finally {
        await chain.provider.send('anvil_setCode', [escrow, code]);
      }
      expect(await verifyDeployment(chain.provider, chain.deployment)).toEqual([]);
    });

    it('licences were made for another window', async () => {
      const { licences } = chain.deployment;
      const code = await chain.provider.getCode(licences);
      const window = (seconds: number) => seconds.toString(16).padStart(64, '0');
      const changed = code.replace(window(3600), window(7200));
      expect(changed).not.toBe(code);
      await chain.provider.send('anvil_setCode', [licences, changed]);
      try {
        expect((await refusal(chain.deployment)).message).toContain('another window');
      } finally {
        await chain.provider.send('anvil_setCode', [licences, code]);
      }
    });

    describe('somebody besides the governor', () => {
      const stranger = Wallet.createRandom().address.toLowerCase();
      /** As the timelock itself, whose admin it is. */
      const asTimelock = async (method: string, role: string) => {
        const { timelock } = chain.deployment;
        await chain.provider.send('anvil_setBalance', [timelock, '0xde0b6b3a7640000']);
        await chain.provider.send('anvil_impersonateAccount', [timelock]);
        const data = interfaceOf('TimelockController').encodeFunctionData(method, [role, stranger]);
        const hash = await chain.provider.send('eth_sendTransaction', [{ from: timelock, to: timelock, data }]);
        await mined((await chain.provider.getTransaction(hash))!);
      };

      it.each([
        ['admin', ZeroHash],
        ['proposer', keccakOf('PROPOSER_ROLE')],
        ['canceller', keccakOf('CANCELLER_ROLE')],
      ])('is %s of the timelock, until he is no more', async (name, role) => {
        await asTimelock('grantRole', role);
        try {
          expect(await refusal(chain.deployment)).toMatchObject({
            reason: 'CONFIG_INVALID',
            details: { file, contract: 'timelock' },
            message: expect.stringContaining(`has another ${name}: ${stranger}`),
          });
        } finally {
          await asTimelock('revokeRole', role);
        }
        expect(await verifyDeployment(chain.provider, chain.deployment)).toEqual([]);
      });

      it('was made admin of the timelock when it was made', async () => {
        expect(await refusal(await deployWithAdmin(stranger))).toMatchObject({
          details: { contract: 'timelock' },
          message: expect.stringContaining(`has another admin: ${stranger}`),
        });
      });

      it('could have been, since its file passes over the first events', async () => {
        const late = { ...chain.deployment, blockNumber: await chain.provider.getBlockNumber() };
        expect((await refusal(late)).message).toContain('no events since block');
      });
    });

    it('another token is asked for', async () => {
      await writeDeployment(file, chain.deployment);
      const asked = deployOnce(deployer(), file, { ...options, token: chain.deployment.votes });
      await expect(asked).rejects.toMatchObject({ reason: 'CONFIG_INVALID', details: { file, field: 'token' } });
    });
  });
});
