import secp256k1 from 'secp256k1';
import { keccak } from './keccak.js';

/** Signatures are 64 bytes, ERC-2098 `(r, vs)`: s in its lower half, the parity of R's y in the top bit. */
export const SIGNATURE_LENGTH = 64;

/** Half of the order of secp256k1; a larger s is the malleable twin of a smaller one and refused. */
const HALF_ORDER = Buffer.from('7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0', 'hex');

/** A key that signs; the secret stays inside. */
export class SigningKey {
  readonly #secret: Buffer;
  /** 20 bytes. */
  readonly address: Buffer;

  /** `secret` has 32 bytes. */
  constructor(secret: Uint8Array) {
    if (secret.length !== 32 || !secp256k1.privateKeyVerify(secret)) throw new RangeError('not a secp256k1 key');
    this.#secret = Buffer.from(secret);
    this.address = addressOf(secp256k1.publicKeyCreate(this.#secret, false));
  }

  /** Signs 32 bytes. */
  sign(hash: Uint8Array): Buffer {
    const { signature, recid } = secp256k1.ecdsaSign(hash, this.#secret);
    const out = Buffer.from(signature);
    out[32] = out[32]! | ((recid & 1) << 7);
    return out;
  }
}

interface Recovered {
  readonly hash: Buffer;
  readonly signature: Buffer;
  readonly address: Buffer;
}

/**
 * What was recovered from signatures that are still around: whoever makes a call and his embedded wallet check the same
 * receipt, and recovering costs more than all else that they do with it.
 */
const recovered = new WeakMap<Uint8Array, Recovered>();

/** The address whose key made the signature, or undefined for anything malformed, zero or high-s. */
export function recover(hash: Uint8Array, signature: Uint8Array): Buffer | undefined {
  const known = recovered.get(signature);
  // The bytes may have been changed since.
  if (known?.hash.equals(hash) && known.signature.equals(signature)) return known.address;
  const address = recoverAnew(hash, signature);
  if (address !== undefined)
    recovered.set(signature, { hash: Buffer.from(hash), signature: Buffer.from(signature), address });
  return address;
}

function recoverAnew(hash: Uint8Array, signature: Uint8Array): Buffer | undefined {
  if (signature.length !== SIGNATURE_LENGTH) return undefined;
  const compact = Buffer.from(signature);
  const parity = compact[32]! >> 7;
  compact[32] = compact[32]! & 0x7f;
  if (compact.compare(HALF_ORDER, 0, 32, 32, 64) > 0) return undefined;
  try {
    return addressOf(secp256k1.ecdsaRecover(compact, parity, hash, false));
  } catch {
    return undefined;
  }
}

export function signedBy(address: Uint8Array, hash: Uint8Array, signature: Uint8Array): boolean {
  return recover(hash, signature)?.equals(address) ?? false;
}

const addressOf = (publicKey: Uint8Array): Buffer => keccak(publicKey.subarray(1)).subarray(12);
