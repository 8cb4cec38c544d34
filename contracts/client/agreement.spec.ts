import { randomBytes } from 'node:crypto';
import { getBytes, hexlify, TypedDataEncoder } from 'ethers';
import { fromHex } from '#core/hex.js';
import { SigningKey } from '#payments/signature.js';
import {
  assetsDomain,
  channelId,
  escrowDomain,
  hashCall,
  hashClose,
  hashVoucher,
  signingHash,
} from '#payments/typed-data.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { mintedAsset } from './assets.js';
import { read, send } from './chain.js';
import { type ChannelTerms, parseEscrowLogs } from './escrow.js';

/** What is hashed and signed off chain is what the contracts hash and check. */
describe('the chain and #payments agree', () => {
  let chain: Chain;
  let asset: bigint;
  let terms: ChannelTerms;
  const operator = new SigningKey(randomBytes(32));
  const signer = new SigningKey(randomBytes(32));
  let domain: { chainId: bigint; verifyingContract: Uint8Array };

  beforeAll(async () => {
    chain = await startChain();
    domain = { chainId: chain.deployment.chainId, verifyingContract: fromHex(chain.deployment.escrow, 'escrow', 20) };
    const [owner, payer] = [chain.account(1), chain.account(2)];
    const minted = await send(owner, chain.assets.mint({ operator: owner.address }));
    asset = mintedAsset(minted, chain.deployment.assets);
    await chain.fund(payer, 1_000n);
    terms = {
      payer: getBytes(payer.address),
      signer: signer.address,
      asset,
      tenure: 1,
      salt: randomBytes(8).readBigUInt64BE(),
    };
  });

  afterAll(() => chain.stop());

  it('on domain separators', async () => {
    for (const [name, contract, address, separator] of [
      ['Weft Escrow', 'Escrow', chain.deployment.escrow, escrowDomain],
      ['Weft Assets', 'Assets', chain.deployment.assets, assetsDomain],
    ] as const) {
      const told = await read(chain.provider, contract, address, 'eip712Domain', []);
      const { version, chainId, verifyingContract } = told;
      expect([told.name, version, chainId]).toEqual([name, '1', chain.deployment.chainId]);
      expect(hexlify(separator({ chainId, verifyingContract: getBytes(address) }))).toBe(
        TypedDataEncoder.hashDomain({ name: told.name, version, chainId, verifyingContract }),
      );
    }
  });

  it('on channel ids', async () => {
    expect(hexlify(await chain.escrow.channelId(terms))).toBe(hexlify(channelId(terms, domain)));
    const opened = await send(
      chain.account(2),
      chain.escrow.open([{ ...terms, amount: 600n, expiresAtSec: (await chain.nowSec()) + 7200 }]),
    );
    const [event] = parseEscrowLogs(opened.logs, chain.deployment.escrow);
    expect(event).toMatchObject({ name: 'Opened', amount: 600n, terms: { asset, tenure: 1, salt: terms.salt } });
    expect(event?.name === 'Opened' && hexlify(event.channelId)).toBe(hexlify(channelId(terms, domain)));
  });

  it('on vouchers: the chain pays what a voucher of ours says, and nothing for one over another call', async () => {
    const id = channelId(terms, domain);
    const call = {
      callId: randomBytes(32),
      listing: randomBytes(32),
      method: '/models.ocr.v1.Ocr/Recognize',
      requestDigest: randomBytes(32),
      maxAmount: 100n,
    };
    const commitment = hashCall(call);
    const hash = hashVoucher({ channelId: id, cumulative: 100n, commitment });
    const signature = signer.sign(signingHash(escrowDomain(domain), hash));
    const entry = { terms, amount: 70n, cumulative: 100n, commitment, signature };
    const other = { ...entry, commitment: hashCall({ ...call, requestDigest: randomBytes(32) }) };
    const { logs } = await send(chain.account(1), chain.escrow.claim([other, entry]));
    expect(parseEscrowLogs(logs, chain.deployment.escrow)).toMatchObject([
      { name: 'Skipped', reason: 'BadSignature' },
      { name: 'Claimed', asset, tenure: 1, earned: 70n, claimed: 70n },
    ]);
    expect(await chain.escrow.channel(id)).toMatchObject({ deposited: 600n, claimed: 70n, status: 'open' });
    expect(await chain.escrow.income(asset, 1)).toEqual({ earned: 70n, collected: 0n });
  });

  it('on closes: the chain ends a channel at what the operator signed as final', async () => {
    const id = channelId(terms, domain);
    await send(chain.account(1), chain.assets.setOperator(asset, operator.address));
    const close = { spent: 90n, deadlineSec: (await chain.nowSec()) + 600 };
    const hash = hashClose({ channelId: id, ...close });
    const signature = operator.sign(signingHash(escrowDomain(domain), hash));
    await send(chain.account(2), chain.escrow.close(terms, { ...close, signature }));
    expect(await chain.escrow.channel(id)).toMatchObject({ deposited: 600n, claimed: 90n, status: 'closed' });
    expect(await chain.escrow.balanceOf(terms.payer)).toBe(910n);
    await send(chain.account(3), chain.revenue.release(asset, 1));
    expect(await chain.revenue.balanceOf(chain.account(1).address)).toBe(90n);
  });
});
