import { toQuantity } from 'ethers';
import { send } from '#contracts/chain.js';
import { connectChain } from '#contracts/chain-provider.js';
import { isLocalChain } from '#contracts/deploy.js';
import type { Deployment } from '#contracts/deployment.js';
import { Token } from '#contracts/token.js';
import { isCodeOf } from '#contracts/verify-deployment.js';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import type { RemoteWallet } from '#payments/payer/remote-wallet.js';
import { modelNames } from '#services/models/models.js';
import { sendersFor } from '#services/models/owners.js';
import { ProviderKeys } from '#services/models/provider/provider-keys.js';
import { devAccount } from './dev-account.js';

/** Minor units; the test token has 6 decimals. */
const PAYER_FUNDS = 1_000_000_000n;
const GAS_MONEY = 10n ** 19n;

/** Money for the accounts of a home: given on a local chain, elsewhere asked for. Errors: FUNDS_TOO_LOW, CHAIN_UNAVAILABLE. */
export class Funding {
  constructor(
    private readonly rpcUrl: string,
    private readonly deployment: Deployment,
  ) {}

  /** Gas for everybody who sells. */
  async ofProvider(home: string): Promise<void> {
    const senders = sendersFor(ProviderKeys.open(home), modelNames);
    await this.#giveGas(senders.map(({ address }) => address.toLowerCase()));
  }

  /** The wallet made the payer's key; what it finds in the token it moves into the escrow as it needs it. */
  async ofPayer(wallet: RemoteWallet): Promise<void> {
    const { payer, free, inChannels, inToken } = await wallet.account();
    await this.#giveGas([toHex(payer)]);
    if (await this.#isPlayMoney()) {
      const missing = PAYER_FUNDS - free - inToken;
      if (missing > PAYER_FUNDS / 2n) await this.#mint(toHex(payer), missing);
    } else if (free + inChannels + inToken === 0n) {
      throw needed(`the payer ${toHex(payer)} has nothing of the token ${this.deployment.token}`, [toHex(payer)]);
    }
  }

  /** A test token on a chain whose rich accounts everybody knows. */
  async #isPlayMoney(): Promise<boolean> {
    if (!isLocalChain(this.deployment.chainId)) return false;
    const provider = await connectChain(this.rpcUrl);
    try {
      return isCodeOf('TestToken', await provider.getCode(this.deployment.token));
    } finally {
      provider.destroy();
    }
  }

  async #giveGas(accounts: readonly string[]): Promise<void> {
    const provider = await connectChain(this.rpcUrl);
    try {
      if (isLocalChain(this.deployment.chainId)) {
        await Promise.all(accounts.map((each) => provider.send('anvil_setBalance', [each, toQuantity(GAS_MONEY)])));
        return;
      }
      const balances = await Promise.all(accounts.map((each) => provider.getBalance(each)));
      const poor = accounts.filter((_, i) => balances[i] === 0n);
      if (poor.length > 0) throw needed(`these have nothing of the chain's own coin for gas: ${poor.join(', ')}`, poor);
    } finally {
      provider.destroy();
    }
  }

  /** Of test tokens, which anybody can. */
  async #mint(account: string, amount: bigint): Promise<void> {
    const provider = await connectChain(this.rpcUrl);
    try {
      await send(devAccount(provider), new Token(this.deployment.token, provider).mint(account, amount));
    } finally {
      provider.destroy();
    }
  }
}

const needed = (what: string, accounts: readonly string[]): WeftError =>
  new WeftError('FUNDS_TOO_LOW', `${what}; send some, then run npx weft up again`, { accounts: accounts.join(' ') });
