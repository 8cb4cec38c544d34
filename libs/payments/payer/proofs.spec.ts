import { randomBytes } from 'node:crypto';
import { interfaceOf } from '#contracts/artifact.js';
import { send } from '#contracts/chain.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { onEnd } from '#test/support/on-end.js';
import { publishEcho } from '#test/support/paid-service.js';
import { domainOf, newKey } from '#test/support/paying.js';
import { startRpcProxy } from '#test/support/rpc-proxy.js';
import { pinOf, quoteOf, requestOf, walletOptions } from '#test/support/wallets.js';
import type { SigningKey } from '../signature.js';
import { channelId, escrowDomain, hashCall, hashReceipt, type Receipt, signingHash } from '../typed-data.js';
import type { Payment, Signed } from '../wire.js';
import { LocalWallet } from './local-wallet.js';

/** Receipts that no provider of ours would sign, against a wallet that must not be fooled. */
describe('receipts', () => {
  let chain: Chain;
  let wallet: LocalWallet;
  let options: ReturnType<typeof walletOptions>;
  let published: Awaited<ReturnType<typeof publishEcho>>;

  beforeAll(async () => {
    chain = await startChain();
    options = walletOptions(chain, await createDatabase());
    await send(chain.account(8), chain.token.mint(options.key.address, 1_000_000n));
    wallet = await LocalWallet.open(options);
  });

  afterAll(async () => {
    await wallet.close();
    await chain.stop();
  });

  /** A call to an asset of its own, whose service nobody runs. */
  async function reserve(payer = wallet): Promise<{ payment: Payment; quoteId: Uint8Array; callId: Uint8Array }> {
    published = await publishEcho(chain);
    const request = quoteOf([pin()]);
    await payer.openQuote(request);
    const { payment } = await payer.reserve(requestOf(request.quoteId, randomBytes(8)));
    return { payment, quoteId: request.quoteId, callId: payment.call.callId };
  }

  const pin = () => pinOf({ ...published, app: { address: '127.0.0.1:1' } });

  const receiptFor = ({ terms, call }: Payment): Receipt => ({
    callId: call.callId,
    account: channelId(terms, domainOf(chain)),
    asset: terms.asset,
    tenure: terms.tenure,
    commitment: hashCall(call),
    responseDigest: randomBytes(32),
    units: 1n,
    amount: 100n,
    outcome: 'complete',
    servedAtSec: Math.floor(Date.now() / 1000),
  });

  const sign = (receipt: Receipt, key: SigningKey = published.operator): Signed<Receipt> => ({
    ...receipt,
    signature: key.sign(signingHash(escrowDomain(domainOf(chain)), hashReceipt(receipt))),
  });

  const faults: [string, (receipt: Receipt) => Partial<Receipt>][] = [
    ['for another call', () => ({ callId: randomBytes(32) })],
    ['on another channel', () => ({ account: randomBytes(32) })],
    ['of another asset', () => ({ asset: 77n })],
    ['of another tenure', () => ({ tenure: 2 })],
    ['over another request', () => ({ commitment: randomBytes(32) })],
    ['T36 above the agreed maximum', () => ({ amount: 101n })],
    ['served tomorrow', ({ servedAtSec }) => ({ servedAtSec: servedAtSec + 86_400 })],
  ];

  for (const [name, change] of faults)
    it(`${name} are disputed: nothing is paid on them, and the asset is barred`, async () => {
      const { payment, quoteId, callId } = await reserve();
      const honest = receiptFor(payment);
      expect(await wallet.settle(callId, { receipt: sign({ ...honest, ...change(honest) }) })).toBe('DISPUTED');
      expect(await wallet.quoteStatus(quoteId)).toMatchObject({ settled: 0n, exposure: 100n });
      await expect(wallet.reserve(requestOf(quoteId, randomBytes(8)))).rejects.toMatchObject({
        reason: 'ASSET_BARRED',
      });
      await expect(wallet.openQuote(quoteOf([pin()]))).rejects.toMatchObject({ reason: 'ASSET_BARRED' });
      // Final: not even an honest one changes it any more.
      expect(await wallet.settle(callId, { receipt: sign(honest) })).toBe('DISPUTED');
    });

  it('signed by somebody else, or by nobody, are disputed', async () => {
    for (const signature of ['stranger', 'garbage']) {
      const { payment, callId } = await reserve();
      const receipt = sign(receiptFor(payment), newKey());
      const bad = signature === 'garbage' ? { ...receipt, signature: new Uint8Array(64).fill(255) } : receipt;
      expect(await wallet.settle(callId, { receipt: bad })).toBe('DISPUTED');
    }
  });

  it('leave the asset barred after a restart', async () => {
    const { payment, callId } = await reserve();
    await wallet.settle(callId, { receipt: sign({ ...receiptFor(payment), amount: 101n }) });
    await wallet.close();
    wallet = await LocalWallet.open(options);
    expect(await wallet.call(callId)).toMatchObject({ state: 'DISPUTED' });
    await expect(wallet.openQuote(quoteOf([pin()]))).rejects.toMatchObject({ reason: 'ASSET_BARRED' });
  });

  it('that do not hold for a released call change nothing', async () => {
    const { payment, quoteId, callId } = await reserve();
    await wallet.settle(callId, 'not-charged');
    const bad = sign({ ...receiptFor(payment), amount: 101n });
    await expect(wallet.settle(callId, { receipt: bad })).rejects.toMatchObject({
      reason: 'RECEIPT_INVALID',
      details: { field: 'amount' },
    });
    expect(await wallet.settle(callId, { receipt: sign(receiptFor(payment)) })).toBe('SETTLED');
    expect(await wallet.quoteStatus(quoteId)).toMatchObject({ settled: 100n, exposure: 100n });
  });

  it('count once, however often they come', async () => {
    const { payment, quoteId, callId } = await reserve();
    const receipt = sign(receiptFor(payment));
    for (let i = 0; i < 3; i++) expect(await wallet.settle(callId, { receipt })).toBe('SETTLED');
    expect((await wallet.quoteStatus(quoteId)).settled).toBe(100n);
  });

  it('of an operator named in mid-run are good, and of one removed only as far as it served before', async () => {
    const { payment, quoteId, callId } = await reserve();
    const [old, next, owner] = [published.operator, newKey(), chain.account(1)];
    const { asset } = published.listing;
    await send(owner, chain.assets.setOperator(asset, next.address));
    const now = await chain.nowSec();
    expect(await wallet.settle(callId, { receipt: sign({ ...receiptFor(payment), servedAtSec: now }, next) })).toBe(
      'SETTLED',
    );

    // Another wallet learns of the old key only when it is gone.
    const other = await LocalWallet.open(walletOptions(chain, await createDatabase(), { account: 3 }));
    onEnd(() => other.close());
    await send(chain.account(8), chain.token.mint(chain.account(3).address, 100_000n));
    published = { ...published, operator: next };
    const request = quoteOf([pin()]);
    await other.openQuote(request);
    const { payment: second } = await other.reserve(requestOf(request.quoteId, randomBytes(8)));
    const late = sign({ ...receiptFor(second), servedAtSec: now + 60 }, old);
    expect(await other.settle(second.call.callId, { receipt: late })).toBe('DISPUTED');
    expect((await wallet.quoteStatus(quoteId)).settled).toBe(100n);
  });

  it('of a key that served the asset’s earlier owner are not those of the present one', async () => {
    published = await publishEcho(chain);
    const [first, buyer] = [published.operator, chain.account(7)];
    const { asset } = published.listing;
    await send(chain.account(1), chain.assets.transfer(asset, chain.account(1).address, buyer.address));
    published = { ...published, operator: newKey(), listing: { ...published.listing, tenure: 2 } };
    await send(buyer, chain.assets.setOperator(asset, published.operator.address));
    const request = quoteOf([pin()]);
    await wallet.openQuote(request);
    const { payment } = await wallet.reserve(requestOf(request.quoteId, randomBytes(8)));
    expect(payment.terms.tenure).toBe(2);
    const receipt = sign({ ...receiptFor(payment), servedAtSec: await chain.nowSec() }, first);
    expect(await wallet.settle(payment.call.callId, { receipt })).toBe('DISPUTED');
  });

  it('T23 of an operator whom a node that is behind does not know yet are good', async () => {
    const proxy = await startRpcProxy(chain.rpcUrl);
    const base = walletOptions(chain, await createDatabase(), { account: 5 });
    await send(chain.account(8), chain.token.mint(base.key.address, 100_000n));
    const payer = await LocalWallet.open({ ...base, chain: { ...base.chain, rpcUrl: proxy.url } });
    onEnd(() => payer.close());
    const { payment, callId } = await reserve(payer);
    const next = newKey();
    await send(chain.account(1), chain.assets.setOperator(published.listing.asset, next.address));
    const receipt = sign({ ...receiptFor(payment), servedAtSec: await chain.nowSec() }, next);
    let unknown = 1;
    const { selector } = interfaceOf('Assets').getFunction('span')!;
    proxy.distort((method, answer, params) => {
      const { data } = (params[0] ?? {}) as { data?: string };
      if (method !== 'eth_call' || !data?.startsWith(selector) || unknown-- <= 0) return answer;
      const { result, ...rest } = JSON.parse(answer) as { result: string };
      return JSON.stringify({ ...rest, result: `0x${result.slice(2).replace(/./g, '0')}` });
    });
    expect(await payer.settle(callId, { receipt })).toBe('SETTLED');
    expect(unknown).toBeLessThan(1);
  });

  it('that cannot be judged while the chain is down leave the call in doubt', async () => {
    const proxy = await startRpcProxy(chain.rpcUrl);
    const base = walletOptions(chain, await createDatabase(), { account: 4 });
    await send(chain.account(8), chain.token.mint(base.key.address, 100_000n));
    const cut = await LocalWallet.open({ ...base, chain: { ...base.chain, rpcUrl: proxy.url } });
    onEnd(() => cut.close());
    const { payment, callId } = await reserve(cut);
    const next = newKey();
    await send(chain.account(1), chain.assets.setOperator(published.listing.asset, next.address));
    const receipt = sign({ ...receiptFor(payment), servedAtSec: await chain.nowSec() }, next);
    proxy.decide(() => 'lose request');
    await expect(cut.settle(callId, { receipt })).rejects.toMatchObject({ reason: 'CHAIN_UNAVAILABLE' });
    expect(await cut.call(callId)).toMatchObject({ state: 'DOUBT' });
    proxy.decide(() => 'pass');
    expect(await cut.settle(callId, { receipt })).toBe('SETTLED');
  });
});
