import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toQuantity } from 'ethers';
import { writeMarketplace } from '#client/marketplace.js';
import { send } from '#contracts/chain.js';
import { RemoteWallet } from '#payments/payer/remote-wallet.js';
import type { Chain } from './chain.js';
import { onEnd } from './on-end.js';
import { type NodeProcess, spawnNode } from './spawn-node.js';
import { tempDir } from './temp-dir.js';

/** A WEFT_HOME whose marketplace file leads to a test's chain. */
export async function walletHome(chain: Chain): Promise<string> {
  const home = tempDir();
  const { chainId, ...contracts } = chain.deployment;
  await writeMarketplace(home, {
    chainId: Number(chainId),
    rpcUrl: chain.rpcUrl,
    contracts,
    registry: '127.0.0.1:1',
    wallet: '127.0.0.1:1',
    walletTokenFile: 'wallet/spend.token',
    gateway: 'http://127.0.0.1:1',
    temporal: { address: '127.0.0.1:1', namespace: 'default', ui: '' },
    taskQueue: 'weft',
    allowPrivateEndpoints: true,
  });
  return home;
}

export const tokenIn = (home: string, name: 'admin' | 'spend'): string =>
  readFileSync(join(home, 'wallet', `${name}.token`), 'utf8');

export interface WalletProcess {
  readonly process: NodeProcess;
  readonly address: string;
  readonly payer: string;
  connect(token?: string): RemoteWallet;
}

/** The wallet as a process of its own, from its main file. */
export async function startWalletProcess(home: string, env: NodeJS.ProcessEnv): Promise<WalletProcess> {
  const process = spawnNode('services/wallet/main.ts', { env: { WEFT_HOME: home, ...env } });
  const [line] = await process.waitForLine(/^.*"msg":"ready".*$/);
  const { address, payer } = JSON.parse(line) as { address: string; payer: string };
  return {
    process,
    address,
    payer,
    connect(token = tokenIn(home, 'spend')) {
      const wallet = new RemoteWallet({ address, token });
      onEnd(() => wallet.close());
      return wallet;
    },
  };
}

/** Coin for gas, and test tokens. */
export async function giveMoney(chain: Chain, payer: string, tokens: bigint): Promise<void> {
  await chain.provider.send('anvil_setBalance', [payer, toQuantity(10n ** 19n)]);
  await send(chain.account(5), chain.token.mint(payer, tokens));
}
