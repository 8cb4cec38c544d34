import { join } from 'node:path';
import { HDNodeWallet, Mnemonic, randomBytes } from 'ethers';
import { fromHex } from '#core/hex.js';
import { SigningKey } from '#payments/signature.js';
import { secretFile } from '#platform/secrets.js';

/** Keys of the provider behind the shipped services, from one secret that is made at the first start. */
export class ProviderKeys {
  readonly #root: HDNodeWallet;

  private constructor(root: HDNodeWallet) {
    this.#root = root;
  }

  static open(home: string): ProviderKeys {
    const phrase = secretFile(
      join(home, 'keys', 'provider.mnemonic'),
      () => Mnemonic.fromEntropy(randomBytes(16)).phrase,
    );
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
