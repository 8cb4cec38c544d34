import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type JsonRpcProvider, Wallet } from 'ethers';
import { send } from '#contracts/chain.js';
import { connectChain } from '#contracts/chain-provider.js';
import { Token } from '#contracts/token.js';
import { packageRoot } from '#platform/home.js';
import { type LocalChain, startAnvil } from '#platform/local/anvil.js';
import { type Leashed, leash } from '#platform/local/leash.js';
import { modelNames } from '#services/models/models.js';
import { sendersFor } from '#services/models/owners.js';
import { ProviderKeys } from '#services/models/provider/provider-keys.js';
import { tempDir } from '#test/support/temp-dir.js';

/** Of no local chain: nobody is given money there, and nothing is claimed before it is worth its gas. */
const CHAIN_ID = 424_242;
const GAS = '0xde0b6b3a7640000';

describe('a marketplace on a chain that is not its own', () => {
  const root = packageRoot();
  const home = join(tempDir(), 'home');
  const deployer = Wallet.createRandom();
  let chain: LocalChain;
  let provider: JsonRpcProvider;
  let env: NodeJS.ProcessEnv;
  let running: Leashed | undefined;

  beforeAll(async () => {
    chain = await startAnvil({ chainId: CHAIN_ID });
    provider = await connectChain(chain.url);
    env = { ...process.env, NODE_OPTIONS: '', WEFT_HOME: home, WEFT_RPC_URL: chain.url };
  });
  afterAll(async () => {
    await running?.stop();
    provider?.destroy();
    await chain?.stop();
  }, 60_000);

  const giveGas = (accounts: readonly string[]) =>
    Promise.all(accounts.map((each) => provider.send('anvil_setBalance', [each, GAS])));
  const weft = async <T>(...args: string[]): Promise<T> => {
    const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'cli/weft.mjs'), ...args, '--json'], {
      env: { ...env, WEFT_DEPLOYER_KEY: deployer.privateKey },
      cwd: root,
    });
    return JSON.parse(stdout) as T;
  };
  /** Until `weft up` has said what became of it: its report, or why there is none. */
  const up = async (): Promise<Record<string, unknown>> =>
    new Promise((resolve, reject) => {
      const child = leash(process.execPath, {
        args: [join(root, 'cli/weft.mjs'), 'up', '--json'],
        env,
        graceMs: 20_000,
        onLine: (line) => line.startsWith('{') && resolve(JSON.parse(line)),
      });
      running = child;
      void child.exited.then(() => reject(new Error(child.logTail())));
    });

  it('is deployed, says who needs money, settles, and adds up', async () => {
    await giveGas([deployer.address, ...sendersFor(ProviderKeys.open(home), modelNames).map(({ address }) => address)]);
    const { contracts } = await weft<{ contracts: { token: string } }>('deploy', '--test-token', '--yes');

    const { error } = (await up()) as { error: { reason: string; message: string; details: { accounts: string } } };
    const { accounts: payer } = error.details;
    expect(error).toMatchObject({
      reason: 'FUNDS_TOO_LOW',
      message: expect.stringContaining(
        `the payer ${payer} has nothing of the token ${contracts.token}, and nothing of the chain’s own coin`,
      ),
    });
    await running?.exited;
    await giveGas([payer]);
    const token = new Token(contracts.token, provider);
    await send(deployer.connect(provider), token.mint(payer, 10_000_000n));

    const report = (await up()) as { status: string; paid: string; settlement: unknown[] };
    expect(report).toMatchObject({ status: 'completed', settlement: [] });
    const { claims } = await weft<{ claims: { amount: string }[] }>('claim');
    expect(claims.reduce((sum, { amount }) => sum + BigInt(amount), 0n)).toBe(BigInt(report.paid));
    const { releases } = await weft<{ releases: unknown[] }>('release');
    expect(releases.length).toBeGreaterThan(0);
    expect(await weft('audit')).toMatchObject({ balanced: true, differences: [] });
  }, 240_000);
});
