import { join } from 'node:path';
import { HDNodeWallet, type JsonRpcProvider, type Wallet } from 'ethers';
import { Assets } from '#contracts/assets.js';
import { send } from '#contracts/chain.js';
import { connectChain } from '#contracts/chain-provider.js';
import { deploy } from '#contracts/deploy.js';
import { type Deployment, deploymentFile, readDeployment, writeDeployment } from '#contracts/deployment.js';
import { Escrow } from '#contracts/escrow.js';
import { Jobs } from '#contracts/jobs.js';
import { Licences } from '#contracts/licences.js';
import { Revenue } from '#contracts/revenue.js';
import { Token } from '#contracts/token.js';
import { type LocalChain, startAnvil } from '#platform/local/anvil.js';

const MNEMONIC = 'test test test test test test test test test test test junk';
let accounts: HDNodeWallet | undefined;

/** The n-th of anvil's funded accounts (0 deploys). A plain wallet: send its transactions one after the other. */
export function accountOf(provider: JsonRpcProvider, n: number): HDNodeWallet {
  accounts ??= HDNodeWallet.fromPhrase(MNEMONIC, undefined, "m/44'/60'/0'/0");
  return accounts.deriveChild(n).connect(provider);
}

const stateFile = (folder: string): string => join(folder, 'chain.json');

/** Deploys Weft on a chain, and keeps both in `folder` for all chains of a test run to begin with. */
export async function deployChain(folder: string): Promise<void> {
  const anvil = await startAnvil({ stateFile: stateFile(folder) });
  const provider = await connectChain(anvil.url);
  try {
    await writeDeployment(deploymentFile(folder), await deployTo(provider));
  } finally {
    provider.destroy();
    await anvil.stop();
  }
}

const deployTo = (provider: JsonRpcProvider): Promise<Deployment> =>
  deploy(accountOf(provider, 0), { windowSec: 3_600 });

/** A real chain with Weft deployed on it; anvil mines every transaction at once. */
export async function startChain() {
  const folder = process.env['WEFT_TEST_CHAIN'];
  const known = folder === undefined ? undefined : await readDeployment(deploymentFile(folder));
  const flags = known === undefined ? [] : ['--load-state', stateFile(folder!)];
  const anvil = await startAnvil({ flags });
  try {
    const provider = await connectChain(anvil.url);
    // The newest block would be as old as the state.
    if (known !== undefined) await provider.send('evm_mine', []);
    return chainOf(anvil, provider, known ?? (await deployTo(provider)));
  } catch (error) {
    await anvil.stop();
    throw error;
  }
}

function chainOf(anvil: LocalChain, provider: JsonRpcProvider, deployment: Deployment) {
  const token = new Token(deployment.token, provider);
  const escrow = new Escrow(deployment.escrow, provider);
  return {
    rpcUrl: anvil.url,
    provider,
    deployment,
    token,
    escrow,
    jobs: new Jobs(deployment.jobs, provider),
    assets: new Assets(deployment.assets, provider),
    revenue: new Revenue(deployment.revenue, provider),
    licences: new Licences(deployment.licences, provider),
    account: (n: number): HDNodeWallet => accountOf(provider, n),

    /** Gives `payer` test tokens and puts them into the escrow. */
    async fund(payer: Wallet | HDNodeWallet, amount: bigint): Promise<void> {
      await send(payer, token.mint(payer.address, amount));
      await send(payer, token.approve(deployment.escrow, amount));
      await send(payer, escrow.deposit(amount));
    },

    /** The chain's own clock, which need not be ours. */
    async nowSec(): Promise<number> {
      return (await provider.getBlock('latest'))!.timestamp;
    },

    async advance(seconds: number): Promise<void> {
      await provider.send('evm_increaseTime', [seconds]);
      await provider.send('evm_mine', []);
    },

    /** Until `work` is done no transaction gets into a block; what was sent meanwhile is mined then. */
    async withoutMining(work: () => Promise<void>): Promise<void> {
      await provider.send('evm_setAutomine', [false]);
      try {
        await work();
      } finally {
        await provider.send('evm_setAutomine', [true]);
        await provider.send('evm_mine', []);
      }
    },

    async stop(): Promise<void> {
      provider.destroy();
      await anvil.stop();
    },
  };
}

export type Chain = Awaited<ReturnType<typeof startChain>>;
