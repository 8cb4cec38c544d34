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
    const isPlayMoney = await this.#isPlayMoney();
    if (!isPlayMoney && free + inChannels + inToken === 0n) {
      const [without] = await this.#withoutGas([toHex(payer)]);
      const gas = without === undefined ? '' : ', and nothing of the chain’s own coin for gas';
      throw needed(`the payer ${toHex(payer)} has nothing of the token ${this.deployment.token}${gas}`, [toHex(payer)]);
    }
    await this.#giveGas([toHex(payer)]);
    const missing = PAYER_FUNDS - free - inToken;
    if (isPlayMoney && missing > PAYER_FUNDS / 2n) await this.#mint(toHex(payer), missing);
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
    if (!isLocalChain(this.deployment.chainId)) {
      const poor = await this.#withoutGas(accounts);
      if (poor.length > 0) throw needed(`these have nothing of the chain's own coin for gas: ${poor.join(', ')}`, poor);
      return;
    }
    const provider = await connectChain(this.rpcUrl);
    try {
      await Promise.all(accounts.map((each) => provider.send('anvil_setBalance', [each, toQuantity(GAS_MONEY)])));
    } finally {
      provider.destroy();
    }
  }

  async #withoutGas(accounts: readonly string[]): Promise<string[]> {
    const provider = await connectChain(this.rpcUrl);
    try {
      const balances = await Promise.all(accounts.map((each) => provider.getBalance(each)));
      return accounts.filter((_, i) => balances[i] === 0n);
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
