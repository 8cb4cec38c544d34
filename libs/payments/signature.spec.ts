import { randomBytes } from 'node:crypto';
import { getBytes, hexlify, Signature, Wallet } from 'ethers';
import fc from 'fast-check';
import { recover, SigningKey, signedBy } from './signature.js';

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

describe('signatures', () => {
  const wallet = Wallet.createRandom();
  const key = new SigningKey(getBytes(wallet.privateKey));
  const hash = randomBytes(32);

  it('are those of ethers in compact form', () => {
    expect(hexlify(key.sign(hash))).toBe(wallet.signingKey.sign(hash).compactSerialized);
    expect(hexlify(key.address)).toBe(wallet.address.toLowerCase());
  });

  it('recover to the signer, whoever made them', () => {
    for (let i = 0; i < 20; i++) {
      const one = randomBytes(32);
      expect(signedBy(key.address, one, getBytes(wallet.signingKey.sign(one).compactSerialized))).toBe(true);
      expect(signedBy(key.address, randomBytes(32), key.sign(one))).toBe(false);
    }
  });

  it('are judged by their bytes and hash, also when the same array is asked about again', () => {
    const signature = key.sign(hash);
    for (let i = 0; i < 2; i++) expect(signedBy(key.address, hash, signature)).toBe(true);
    expect(signedBy(key.address, randomBytes(32), signature)).toBe(false);
    const other = Buffer.from(hash);
    expect(signedBy(key.address, other, signature)).toBe(true);
    other[0] = other[0]! ^ 1;
    expect(signedBy(key.address, other, signature)).toBe(false);
    expect(signedBy(key.address, hash, signature)).toBe(true);
    signature[5] = signature[5]! ^ 1;
    expect(signedBy(key.address, hash, signature)).toBe(false);
  });

  it('T3 are refused with a high s', () => {
    const { r, s, yParity } = Signature.from(hexlify(key.sign(hash)));
    const high = (ORDER - BigInt(s)).toString(16).padStart(64, '0');
    // A high s whose top bit happens to be clear looks well-formed; both parities must be refused.
    for (const parity of [yParity, 1 - yParity]) {
      const bytes = Buffer.concat([getBytes(r), Buffer.from(high, 'hex')]);
      bytes[32] = (bytes[32]! & 0x7f) | (parity << 7);
      expect(recover(hash, bytes)?.equals(key.address) ?? false).toBe(false);
    }
  });

  it('T3 of any other bytes or length recover to nobody we know and never throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => !signedBy(key.address, hash, bytes)));
    for (const bytes of [new Uint8Array(64), new Uint8Array(64).fill(255), new Uint8Array(65), new Uint8Array(0)]) {
      expect(recover(hash, bytes)).toBeUndefined();
    }
  });

  it('does not make a key of zero or of too many bytes', () => {
    expect(() => new SigningKey(new Uint8Array(32))).toThrow(RangeError);
    expect(() => new SigningKey(new Uint8Array(33).fill(1))).toThrow(RangeError);
  });
});
