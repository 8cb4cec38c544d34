import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { HDNodeWallet, Mnemonic } from 'ethers';
import { fromHex } from '#core/hex.js';
import { SigningKey } from '#payments/signature.js';
import { keystoreFile } from '#platform/keystore.js';
import { randomSecret, readSecret, secretFile } from '#platform/secrets.js';

/** Keys of the provider behind the shipped services, from one secret that is made at the first start. */
export class ProviderKeys {
  readonly #root: HDNodeWallet;

  private constructor(root: HDNodeWallet) {
    this.#root = root;
  }

  /** Makes the keystore and its password the first time. Errors: CONFIG_INVALID. */
  static open(home: string): ProviderKeys {
    const file = (name: string) => join(home, 'keys', name);
    const password = secretFile(file('password'), randomSecret);
    // Homes of earlier versions kept the words as they are.
    const plain = file('provider.mnemonic');
    const { mnemonic } = keystoreFile(file('provider.json'), password, () => {
      const root = existsSync(plain) ? HDNodeWallet.fromPhrase(readSecret(plain)) : HDNodeWallet.createRandom();
      return { address: root.address, privateKey: root.privateKey, mnemonic: { entropy: root.mnemonic!.entropy } };
    });
    rmSync(plain, { force: true });
    const { phrase } = Mnemonic.fromEntropy(mnemonic!.entropy);
    return new ProviderKeys(HDNodeWallet.fromPhrase(phrase, undefined, "m/44'/60'/0'/0"));
  }

  /** Owns the n-th shipped service, from 0: everyone earns for himself. */
  owner(n: number): HDNodeWallet {
    return this.#root.deriveChild(1 + n);
  }

  /** Signs receipts and sends the claims of all shipped services. */
  get operator(): HDNodeWallet {
    return this.#root.deriveChild(0);
  }

  get operatorKey(): SigningKey {
    return new SigningKey(fromHex(this.operator.privateKey, 'operator', 32));
  }
}
