import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encryptKeystoreJsonSync, Wallet } from 'ethers';
import { send } from '#contracts/chain.js';
import { chainProvider, connectChain } from '#contracts/chain-provider.js';
import { outstanding } from '#contracts/deploy.js';
import { readDeployment } from '#contracts/deployment.js';
import { deploymentGas } from '#contracts/deployment-gas.js';
import { verifyDeployment } from '#contracts/verify-deployment.js';
import { type LocalChain, startAnvil } from '#platform/local/anvil.js';
import { runHere } from '#test/support/cli.js';
import { startRpcProxy } from '#test/support/rpc-proxy.js';
import { runOnTerminal } from '#test/support/run-on-terminal.js';
import { nodeCommand, spawnNode } from '#test/support/spawn-node.js';
import { tempDir } from '#test/support/temp-dir.js';
import { commandsFor } from '../commands/index.js';
import { devAccount } from '../up/dev-account.js';

/** Of no local chain: where money is real. */
const PUBLIC = 424_242;
const WHOLE = 9;
const PASSWORD = 'canary-password-5f1c';

let publicChain: LocalChain;
let localChain: LocalChain;
let home: string;
const key = Wallet.createRandom();

beforeAll(async () => {
  [publicChain, localChain] = await Promise.all([startAnvil({ chainId: PUBLIC }), startAnvil()]);
  await give(key.address, 10n ** 18n);
});
afterAll(async () => {
  await Promise.all([publicChain?.stop(), localChain?.stop()]);
});
beforeEach(() => {
  home = tempDir();
});
afterEach(() => {
  for (const name of ['WEFT_DEPLOYER_KEY', 'WEFT_DEPLOYER_PASSWORD_FILE', 'WEFT_RPC_URL']) delete process.env[name];
});

const run = async (...argv: string[]) => runHere(await commandsFor(['deploy']), ['deploy', ...argv], home);
const out = () => join(home, 'contracts.json');
const weft = async (...argv: string[]) => run('--rpc', publicChain.url, ...argv);
const sent = async (address = key.address, url = publicChain.url) => {
  const provider = await connectChain(url);
  return provider.getTransactionCount(address).finally(() => provider.destroy());
};

async function give(address: string, wei: bigint): Promise<void> {
  const provider = await connectChain(publicChain.url);
  await provider.send('anvil_setBalance', [address, `0x${wei.toString(16)}`]);
  provider.destroy();
}

function keystore(password = PASSWORD, wallet: { address: string; privateKey: string } = key): string {
  const file = join(home, 'deployer.json');
  const { address, privateKey } = wallet;
  writeFileSync(file, encryptKeystoreJsonSync({ address, privateKey }, password, { scrypt: { N: 1 << 10 } }));
  const passwordFile = join(home, 'deployer.password');
  writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
  process.env['WEFT_DEPLOYER_PASSWORD_FILE'] = passwordFile;
  return file;
}

describe('weft deploy', () => {
  it('shows what it costs, deploys with a key from a keystore, and the second time changes nothing', async () => {
    const file = keystore();
    const before = await sent();
    const first = await weft('--keystore', file, '--test-token', '--window', '7200', '--yes');
    expect(first).toMatchObject({ code: 0 });
    for (const shown of [
      `chain      ${PUBLIC}`,
      key.address,
      'coin',
      '9 transactions',
      'window     7200 s',
      'Escrow is at',
    ])
      expect(first.err).toContain(shown);
    const deployment = (await readDeployment(out()))!;
    for (const [, address] of Object.entries(deployment).filter(
      ([name]) => name !== 'chainId' && name !== 'blockNumber',
    ))
      expect(first.out).toContain(address);
    const files = readFileSync(out(), 'utf8');
    expect(await sent()).toBe(before + WHOLE);

    const again = await weft('--json', '--yes');
    expect(again).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(again.out)).toMatchObject({ isNew: false, chainId: String(PUBLIC), file: out() });
    expect(await sent()).toBe(before + WHOLE);
    expect(readFileSync(out(), 'utf8')).toBe(files);

    for (const [argv, field] of [
      [['--window', '3600'], 'window'],
      [['--token', deployment.votes], 'token'],
    ] as const) {
      const other = await weft(...argv, '--yes');
      expect(other).toMatchObject({ code: 1, out: '' });
      expect(other.err).toContain(`a deployment with ${field}`);
    }
    expect(await sent()).toBe(before + WHOLE);
    for (const { err, out: said } of [first, again])
      for (const secret of [PASSWORD, key.privateKey, key.privateKey.slice(2)])
        expect(err + said).not.toContain(secret);
  });

  it('takes a key from the environment and a token that is there', async () => {
    process.env['WEFT_DEPLOYER_KEY'] = key.privateKey.slice(2);
    process.env['WEFT_RPC_URL'] = publicChain.url;
    const made = await run('--test-token', '--yes', '--json');
    const { contracts } = JSON.parse(made.out) as { contracts: Record<string, string> };
    const other = await run('--token', contracts['token']!, '--out', join(home, 'other.json'), '--yes', '--json');
    expect(JSON.parse(other.out)).toMatchObject({ isNew: true, contracts: { token: contracts['token'] } });
    expect(BigInt(JSON.parse(other.out).spentWei)).toBeGreaterThan(0n);
    const provider = await connectChain(publicChain.url);
    expect(await verifyDeployment(provider, (await readDeployment(join(home, 'other.json')))!)).toEqual([]);
    provider.destroy();
  });

  it('needs no key of its own on a local chain', async () => {
    const { code, err } = await run('--rpc', localChain.url, '--yes');
    expect({ code, err }).toMatchObject({ code: 0, err: expect.stringContaining('a new test token') });
  });

  it('estimates what is then used, to a twentieth', async () => {
    const provider = await connectChain(localChain.url);
    const deployer = devAccount(provider);
    const options = { windowSec: 3_600 };
    const estimate = deploymentGas(await outstanding(deployer, join(home, 'none.json'), options));
    const first = (await provider.getBlockNumber()) + 1;
    await run('--rpc', localChain.url, '--yes');
    let used = 0n;
    for (let n = first; n <= (await provider.getBlockNumber()); n++) used += (await provider.getBlock(n))!.gasUsed;
    provider.destroy();
    expect(Number(estimate) / Number(used)).toBeGreaterThan(0.98);
    expect(Number(estimate) / Number(used)).toBeLessThan(1.05);
  });

  describe('refuses, before anything is sent,', () => {
    const nothing = async (argv: string[], expected: { reason: string; says: string; code?: number }) => {
      const before = await sent();
      const { code, out: said, err } = await run(...argv);
      expect(err).toContain(`(${expected.reason})`);
      expect(err).toContain(expected.says);
      expect(err).not.toContain('npx weft up');
      expect({ code, said }).toEqual({ code: expected.code ?? 1, said: '' });
      expect(await sent()).toBe(before);
      expect(readdirSync(home).filter((name) => name.startsWith('contracts.json'))).toEqual([]);
    };
    const on = (...argv: string[]) => ['--rpc', publicChain.url, '--yes', ...argv];

    it.each([
      ['no chain', [], 'INVALID_INPUT', '--rpc URL'],
      ['what is no URL', ['--rpc', 'localhost'], 'INVALID_INPUT', '--rpc URL'],
    ])('%s', async (_, argv, reason, says) => nothing(argv, { reason, says }));

    it('a chain that does not answer, without its API key in the error', async () => {
      await nothing(['--rpc', 'http://127.0.0.1:9/v1/secret-api-key', '--yes'], {
        reason: 'CHAIN_UNAVAILABLE',
        says: 'http://127.0.0.1:9 ',
        code: 3,
      });
      expect((await run('--rpc', 'http://127.0.0.1:9/v1/secret-api-key')).err).not.toContain('secret-api-key');
    });

    it('another chain than was named', () =>
      nothing(on('--chain-id', '1'), { reason: 'WRONG_CHAIN', says: `this is chain ${PUBLIC}, not chain 1` }));

    it('a test token where money is real, unless it is asked for', () =>
      nothing(on(), { reason: 'INVALID_INPUT', says: '--test-token' }));

    it('a public chain without a key', () =>
      nothing(on('--test-token'), { reason: 'CONFIG_INVALID', says: '--keystore FILE' }));

    it.each([
      ['is no address', '0x1234', 'is no address'],
      ['has a wrong checksum', '0x036CbD53842c5426634e7929541eC2318f3dCF7E', 'checksum'],
      ['holds nothing', `0x${'17'.repeat(20)}`, 'no contract'],
    ])('a token that %s', (_, token, says) => nothing(on('--token', token), { reason: 'INVALID_INPUT', says }));

    it('a token that is no token', async () => {
      process.env['WEFT_DEPLOYER_KEY'] = key.privateKey;
      const made = await weft('--test-token', '--yes', '--json', '--out', join(home, 'other.json'));
      const { contracts } = JSON.parse(made.out) as { contracts: Record<string, string> };
      await nothing(on('--token', contracts['anchor']!), { reason: 'INVALID_INPUT', says: 'no ERC-20' });
    });

    it.each(['3599', '604801', '1h'])('a window of %s', (window) =>
      nothing(on('--test-token', '--window', window), { reason: 'INVALID_INPUT', says: '3600 (1 hour)' }),
    );

    it('a wrong password', () => {
      const file = keystore('another');
      return nothing(on('--test-token', '--keystore', file), {
        reason: 'CONFIG_INVALID',
        says: `${file} does not open with that password`,
      });
    });

    it('a keystore that is none, or not there, or whose password nobody knows', async () => {
      const file = keystore();
      const options = (path: string) => on('--test-token', '--keystore', path);
      await nothing(options(`${file}.no`), { reason: 'CONFIG_INVALID', says: 'cannot be read' });
      await nothing(options(join(home, 'deployer.password')), { reason: 'CONFIG_INVALID', says: 'no encrypted' });
      delete process.env['WEFT_DEPLOYER_PASSWORD_FILE'];
      await nothing(options(file), { reason: 'CONFIG_INVALID', says: 'WEFT_DEPLOYER_PASSWORD_FILE' });
    });

    it('a key without money', async () => {
      process.env['WEFT_DEPLOYER_KEY'] = Wallet.createRandom().privateKey;
      await nothing(on('--test-token'), { reason: 'FUNDS_TOO_LOW', says: 'has 0.0 coin and needs about 0.' });
    });

    it('a key that is none, without showing it', async () => {
      process.env['WEFT_DEPLOYER_KEY'] = 'canary-key';
      await nothing(on('--test-token'), { reason: 'CONFIG_INVALID', says: 'WEFT_DEPLOYER_KEY' });
      expect((await run(...on('--test-token'))).err).not.toContain('canary-key');
    });

    it('to spend without a yes, when nobody is there to ask', async () => {
      process.env['WEFT_DEPLOYER_KEY'] = key.privateKey;
      await nothing(['--rpc', publicChain.url, '--test-token'], { reason: 'INVALID_INPUT', says: '--yes' });
    });
  });

  describe('at a terminal', () => {
    const question = 'password of';
    const deploy = async (...typed: (readonly [string, string])[]) => {
      const file = keystore();
      const argv = ['deploy', '--rpc', publicChain.url, '--test-token', '--keystore', file, '--home', home];
      const before = await sent();
      const { shown, ...end } = await runOnTerminal(nodeCommand('cli/main.ts', argv), typed, {
        WEFT_DEPLOYER_PASSWORD_FILE: '',
      });
      return { ...end, shown: shown.replaceAll('\r\n', '\n'), file, sent: (await sent()) - before };
    };

    it('asks for the password, shows the cost and asks again; neither shows the password nor writes it down', async () => {
      // A slip, taken back with the backspace key.
      const typed = [`${PASSWORD}x\x7f\r`, 'yes\r'] as const;
      const end = await deploy([question, typed[0]], ['deploy? [y/N] ', typed[1]]);
      expect(end).toMatchObject({ code: 0, untyped: 0, sent: WHOLE });
      expect(end.shown.startsWith(`password of ${end.file}: \nopening    ${end.file}\nchain      ${PUBLIC}, at`)).toBe(
        true,
      );
      expect(end.shown).toContain(`deployed on chain ${PUBLIC}`);
      rmSync(join(home, 'deployer.password'));
      const written = readdirSync(home, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
      for (const text of [end.shown, ...written])
        for (const secret of ['canary', key.privateKey.slice(2)]) expect(text).not.toContain(secret);
    });

    it.each([
      [
        'a wrong password',
        [[question, 'wrong-canary\r']],
        'does not open with that password; try again (CONFIG_INVALID)',
      ],
      ['Ctrl-C at the password', [[question, '\x03']], 'the question was not answered: nothing was done (CANCELLED)'],
      ['Ctrl-D at the password', [[question, '\x04']], 'the question was not answered: nothing was done (CANCELLED)'],
      [
        'Ctrl-C at the last question',
        [
          [question, `${PASSWORD}\r`],
          ['[y/N]', '\x03'],
        ],
        'the question was not answered: nothing was done (CANCELLED)',
      ],
      [
        'no',
        [
          [question, `${PASSWORD}\r`],
          ['[y/N]', '\r'],
        ],
        'nothing was sent (CANCELLED)',
      ],
    ] as [string, [string, string][], string][])(
      'sends nothing after %s, and says so on a line of its own',
      async (_, typed, says) => {
        const end = await deploy(...typed);
        expect(end).toMatchObject({ code: 1, untyped: 0, sent: 0 });
        const last = end.shown.trimEnd().split('\n').at(-1)!;
        expect(last).toMatch(/^\r?weft: /);
        expect(last).toContain(says);
        expect(end.shown).not.toContain('canary');
      },
    );
  });

  it('refuses contracts that a public chain does not show, and keeps the file', async () => {
    process.env['WEFT_DEPLOYER_KEY'] = key.privateKey;
    await weft('--test-token', '--yes');
    const text = readFileSync(out(), 'utf8').replace(/"jobs": "0x.{40}"/, `"jobs": "0x${'12'.repeat(20)}"`);
    writeFileSync(out(), text);
    const before = await sent();
    const { code, err } = await weft('--test-token', '--yes');
    expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining('does not show (jobs)') });
    expect(readFileSync(out(), 'utf8')).toBe(text);
    expect(await sent()).toBe(before);
  });

  it('out of money half way goes on when there is some', async () => {
    const poor = Wallet.createRandom();
    process.env['WEFT_DEPLOYER_KEY'] = poor.privateKey;
    const provider = await connectChain(publicChain.url);
    const proxy = await startRpcProxy(publicChain.url);
    await give(poor.address, 10n ** 18n);
    let count = 0;
    // Between two of its transactions the money is gone.
    proxy.distort((method, answer) => {
      if (method === 'eth_sendRawTransaction' && ++count === 4) void give(poor.address, 1n);
      return answer;
    });
    const failed = await run('--rpc', proxy.url, '--test-token', '--yes');
    expect(failed.code).toBe(1);
    expect(failed.err).toMatch(/FUNDS_TOO_LOW/);
    expect(failed.err).toContain('npx weft deploy');
    expect(existsSync(out())).toBe(false);
    await give(poor.address, 10n ** 18n);
    const resumed = await weft('--test-token', '--yes');
    expect(resumed.code).toBe(0);
    expect(await sent(poor.address)).toBe(WHOLE);
    await expect(send(poor.connect(provider), { to: poor.address, data: '0x' })).resolves.toBeDefined();
    provider.destroy();
  });

  it.each([1, 5, 7, 9])('killed at its transaction %i goes on and makes nothing twice', async (n) => {
    const deployer = Wallet.createRandom();
    await give(deployer.address, 10n ** 18n);
    const proxy = await startRpcProxy(publicChain.url);
    let child: ReturnType<typeof spawnNode> | undefined;
    let count = 0;
    proxy.decide((method) => {
      if (method === 'eth_sendRawTransaction' && ++count === n) child!.kill('SIGKILL');
      return 'pass';
    });
    child = spawnNode('cli/main.ts', {
      args: ['deploy', '--rpc', proxy.url, '--test-token', '--yes', '--home', home],
      env: { WEFT_DEPLOYER_KEY: deployer.privateKey },
    });
    expect((await child.exited).signal).toBe('SIGKILL');
    expect(existsSync(out())).toBe(false);
    process.env['WEFT_DEPLOYER_KEY'] = deployer.privateKey;
    const { code } = await weft('--test-token', '--yes');
    expect(code).toBe(0);
    expect(await sent(deployer.address)).toBe(WHOLE);
    const provider = chainProvider({ rpcUrl: publicChain.url, chainId: BigInt(PUBLIC) });
    expect(await verifyDeployment(provider, (await readDeployment(out()))!)).toEqual([]);
    provider.destroy();
  });
});
