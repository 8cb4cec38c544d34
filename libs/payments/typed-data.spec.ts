import { AbiCoder, getBytes, hexlify, keccak256, TypedDataEncoder, Wallet } from 'ethers';
import fc from 'fast-check';
import type { Price } from '#core/price.js';
import * as typed from './typed-data.js';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const uint = (bits: number) => fc.bigInt(0n, 2n ** BigInt(bits) - 1n);
const int = (bits: number) => fc.integer({ min: 0, max: 2 ** bits - 1 });
const text = fc.string({ unit: 'binary', maxLength: 40 });
const price: fc.Arbitrary<Price> = fc.record({
  method: text,
  kind: fc.constantFrom('free', 'fixed', 'metered'),
  unit: text,
  rate: uint(96),
  per: uint(64),
  maxAmount: uint(96),
});

/** Types as ethers wants them, read from our own type strings. */
function typesOf(name: keyof typeof typed.typeStrings): Record<string, { name: string; type: string }[]> {
  return Object.fromEntries(
    [...typed.typeStrings[name].matchAll(/(\w+)\(([^)]*)\)/g)].map(([, struct, fields]) => [
      struct!,
      fields!.split(',').map((field) => ({ type: field.split(' ')[0]!, name: field.split(' ')[1]! })),
    ]),
  );
}

const reference = (name: keyof typeof typed.typeStrings, value: object): string =>
  TypedDataEncoder.hashStruct(name, typesOf(name), value);

/** As ethers expects it: enumerations by their numbers. */
const call = fc.record({
  callId: bytes(32),
  listing: bytes(32),
  method: text,
  requestDigest: bytes(32),
  maxAmount: uint(96),
});

describe('EIP-712 hashes agree with ethers', () => {
  it('Call and Voucher', () => {
    fc.assert(
      fc.property(call, bytes(32), uint(96), (c, channelId, cumulative) => {
        const commitment = typed.hashCall(c);
        expect(hexlify(commitment)).toBe(reference('Call', c));
        expect(hexlify(typed.hashVoucher({ channelId, cumulative, commitment }))).toBe(
          reference('Voucher', { channelId, cumulative, call: c }),
        );
      }),
    );
  });

  it('Use and Count', () => {
    fc.assert(
      fc.property(call, bytes(32), uint(64), int(16), int(40), (c, licenceId, uses, signerNumber, deadlineSec) => {
        const commitment = typed.hashCall(c);
        expect(hexlify(typed.hashUse({ licenceId, uses, commitment }))).toBe(
          reference('Use', { licenceId, uses, call: c }),
        );
        const count = { licenceId, uses, signerNumber, deadlineSec };
        expect(hexlify(typed.hashCount(count))).toBe(reference('Count', count));
      }),
    );
  });

  it('JobCall', () => {
    fc.assert(
      fc.property(call, bytes(32), int(8), (c, jobId, step) => {
        expect(hexlify(typed.hashJobCall({ jobId, step, commitment: typed.hashCall(c) }))).toBe(
          reference('JobCall', { jobId, step, call: c }),
        );
      }),
    );
  });

  it('Receipt', () => {
    const receipt = fc.record({
      callId: bytes(32),
      account: bytes(32),
      asset: uint(64),
      tenure: int(32),
      commitment: bytes(32),
      responseDigest: bytes(32),
      units: uint(64),
      amount: uint(96),
      outcome: fc.constantFrom('complete' as const, 'partial' as const),
      servedAtSec: int(40),
    });
    fc.assert(
      fc.property(receipt, (r) =>
        expect(hexlify(typed.hashReceipt(r))).toBe(reference('Receipt', { ...r, outcome: typed.outcomes[r.outcome] })),
      ),
    );
  });

  it('Void, Statement and Close', () => {
    fc.assert(
      fc.property(bytes(32), bytes(32), uint(96), uint(96), uint(64), int(40), (a, b, x, y, n, sec) => {
        expect(hexlify(typed.hashVoid({ callId: a, account: b, atSec: sec }))).toBe(
          reference('Void', { callId: a, account: b, atSec: sec }),
        );
        const statement = { channelId: a, authorised: x, spent: y, calls: n, atSec: sec };
        expect(hexlify(typed.hashStatement(statement))).toBe(reference('Statement', statement));
        const close = { channelId: a, spent: x, deadlineSec: sec };
        expect(hexlify(typed.hashClose(close))).toBe(reference('Close', close));
      }),
    );
  });

  it('Listing', () => {
    const listing = fc.record({
      asset: uint(64),
      tenure: int(32),
      version: int(24),
      previous: bytes(32),
      contractDigest: bytes(32),
      prices: fc.array(price, { maxLength: 3 }),
      endpoints: fc.array(text, { maxLength: 3 }),
      docsDigest: bytes(32),
      escrow: bytes(20),
      minChannel: uint(96),
      honourSec: int(32),
      retainSec: int(32),
      publishedAtSec: int(40),
    });
    fc.assert(
      fc.property(listing, (l) => {
        const kinds = { free: 0, fixed: 1, metered: 2 };
        const value = { ...l, escrow: hexlify(l.escrow), prices: l.prices.map((p) => ({ ...p, kind: kinds[p.kind] })) };
        expect(hexlify(typed.hashListing(l))).toBe(reference('Listing', value));
      }),
    );
  });

  it('Quote', () => {
    const pin = fc.record({ step: text, listing: bytes(32), method: text, calls: int(32), maxPerCall: uint(96) });
    const quote = fc.record({
      quoteId: bytes(32),
      payer: bytes(20),
      pins: fc.array(pin, { maxLength: 3 }),
      maxTotal: uint(96),
      expiresAtSec: int(40),
    });
    fc.assert(
      fc.property(quote, (q) =>
        expect(hexlify(typed.hashQuote(q))).toBe(reference('Quote', { ...q, payer: hexlify(q.payer) })),
      ),
    );
  });

  it('domains and the hash that is signed', () => {
    const wallet = Wallet.createRandom();
    const domain = { chainId: 31337n, verifyingContract: getBytes(wallet.address) };
    const value = { callId: new Uint8Array(32).fill(1), account: new Uint8Array(32).fill(2), atSec: 3 };
    for (const [name, separator] of [
      ['Weft Escrow', typed.escrowDomain(domain)],
      ['Weft Assets', typed.assetsDomain(domain)],
    ] as const) {
      const ours = hexlify(typed.signingHash(separator, typed.hashVoid(value)));
      const theirs = TypedDataEncoder.hash(
        { name, version: '1', chainId: 31337n, verifyingContract: wallet.address },
        typesOf('Void'),
        value,
      );
      expect(ours).toBe(theirs);
    }
  });

  it('channel ids are abi.encode hashed', () => {
    const escrow = new Uint8Array(20).fill(9);
    const terms = {
      payer: new Uint8Array(20).fill(1),
      signer: new Uint8Array(20).fill(2),
      asset: 3n,
      tenure: 4,
      salt: 2n ** 64n - 1n,
    };
    const encoded = AbiCoder.defaultAbiCoder().encode(
      ['uint256', 'address', 'address', 'address', 'uint64', 'uint32', 'uint64'],
      [31337n, hexlify(escrow), hexlify(terms.payer), hexlify(terms.signer), terms.asset, terms.tenure, terms.salt],
    );
    expect(hexlify(typed.channelId(terms, { chainId: 31337n, verifyingContract: escrow }))).toBe(keccak256(encoded));
  });
});
