import { randomBytes } from 'node:crypto';
import { getBytes, type HDNodeWallet, hexlify, NonceManager, type TransactionResponse } from 'ethers';
import { fromHex } from '#core/hex.js';
import { SigningKey } from '#payments/signature.js';
import { channelId, escrowDomain, hashVoucher, signingHash } from '#payments/typed-data.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { mintedAsset, parseAssetsLogs } from './assets.js';
import { mined, send, type UnsignedTransaction } from './chain.js';
import { type ChannelTerms, type Claim, type EscrowEvent, parseEscrowLogs } from './escrow.js';
import { explain } from './explain.js';
import { parseRevenueLogs } from './revenue.js';

describe('the bindings on a real chain', () => {
  let chain: Chain;
  let owner: HDNodeWallet;
  let payer: HDNodeWallet;
  let operator: HDNodeWallet;
  let asset: bigint;
  const signer = new SigningKey(randomBytes(32));
  const domain = () => ({
    chainId: chain.deployment.chainId,
    verifyingContract: fromHex(chain.deployment.escrow, 'escrow', 20),
  });

  beforeAll(async () => {
    chain = await startChain();
    [owner, payer, operator] = [chain.account(1), chain.account(2), chain.account(3)];
    const minted = await send(owner, chain.assets.mint({ operator: operator.address }));
    asset = mintedAsset(minted, chain.deployment.assets);
    await chain.fund(payer, 100_000n);
  });
  afterAll(() => chain.stop());

  const newTerms = (): ChannelTerms => ({
    payer: getBytes(payer.address),
    signer: signer.address,
    asset,
    tenure: 1,
    salt: randomBytes(8).readBigUInt64BE(),
  });

  async function opened(amount: bigint): Promise<ChannelTerms> {
    const terms = newTerms();
    const expiresAtSec = (await chain.nowSec()) + 7200;
    await send(payer, chain.escrow.open([{ ...terms, amount, expiresAtSec }]));
    return terms;
  }

  function claimOf(terms: ChannelTerms, amount: bigint): Claim {
    const commitment = randomBytes(32);
    const hash = hashVoucher({ channelId: channelId(terms, domain()), cumulative: amount, commitment });
    const signature = signer.sign(signingHash(escrowDomain(domain()), hash));
    return { terms, amount, cumulative: amount, commitment, signature };
  }

  it('deposit with a permit, without an approval', async () => {
    const poor = chain.account(4);
    await send(poor, chain.token.mint(poor.address, 500n));
    const deadlineSec = (await chain.nowSec()) + 600;
    const permit = await chain.token.permit(poor, chain.deployment.escrow, 500n, deadlineSec);
    await send(poor, chain.escrow.depositWithPermit(500n, permit));
    expect(await chain.escrow.balanceOf(poor.address)).toBe(500n);
    await send(poor, chain.escrow.withdraw(200n, poor.address));
    expect(await chain.token.balanceOf(poor.address)).toBe(200n);
    expect([await chain.token.decimals(), await chain.token.symbol()]).toEqual([6, 'tWEFT']);
  });

  it('tell every event of a channel, from which all balances can be rebuilt', async () => {
    const from = (await chain.provider.getBlockNumber()) + 1;
    const before = await chain.escrow.balanceOf(payer.address);
    const terms = await opened(1000n);
    await send(payer, chain.escrow.topUpTo(terms, 1500n));
    await send(payer, chain.escrow.extend(terms, (await chain.nowSec()) + 9000));
    await send(operator, chain.escrow.claim([claimOf(terms, 400n)]));
    await send(operator, chain.escrow.giveUp(terms));
    const released = await send(payer, chain.revenue.release(asset, 1));
    const events = await chain.escrow.events(from, 'latest');
    expect(events.map((event) => event.name)).toEqual([
      'Opened',
      'ToppedUp',
      'Extended',
      'Claimed',
      'Closed',
      'Collected',
    ]);
    expect(events[0]).toMatchObject({ terms: { asset, tenure: 1, salt: terms.salt }, amount: 1000n });
    expect(events[4]).toMatchObject({ earned: 0n, refunded: 1100n });
    const sum = (pick: (event: EscrowEvent) => bigint) => events.map(pick).reduce((a, b) => a + b, 0n);
    const free = sum((event) => {
      if (event.name === 'Opened') return -event.amount;
      if (event.name === 'ToppedUp') return -event.added;
      return event.name === 'Closed' ? event.refunded : 0n;
    });
    expect(await chain.escrow.balanceOf(payer.address)).toBe(before + free);
    expect(parseRevenueLogs(released.logs, chain.deployment.revenue)).toMatchObject([
      { name: 'Released', asset, tenure: 1, amount: 400n, owner: getBytes(owner.address) },
    ]);
  });

  it('tell what stands in the name of an asset through its tenures', async () => {
    const listing = randomBytes(32);
    const minted = await send(
      owner,
      chain.assets.mint({ operator: operator.address, parents: [{ asset, bps: 250 }], listing }),
    );
    const child = mintedAsset(minted, chain.deployment.assets);
    expect(parseAssetsLogs(minted.logs, chain.deployment.assets).map((event) => event.name)).toEqual([
      'Minted',
      'OperatorSet',
      'Listed',
    ]);
    expect(await chain.assets.parents(child)).toEqual([{ asset, bps: 250 }]);
    expect(await chain.assets.head(child)).toMatchObject({ tenure: 1, listingVersion: 1 });
    expect(hexlify((await chain.assets.head(child)).listing)).toBe(hexlify(listing));
    await send(owner, chain.assets.publish(child, randomBytes(32), 2));
    await send(owner, chain.assets.transfer(child, owner.address, payer.address));
    expect(await chain.assets.head(child)).toMatchObject({ tenure: 2, listingVersion: 0 });
    expect(await chain.assets.span(child, operator.address)).toMatchObject({ tenure: 1, bySale: true });
    expect(await chain.assets.span(child, payer.address)).toBeUndefined();
    expect(hexlify((await chain.assets.ownerAt(child, 1))!)).toBe(owner.address.toLowerCase());
    expect(hexlify(await chain.assets.ownerOf(child))).toBe(payer.address.toLowerCase());
    expect(await chain.assets.ownerAt(child, 3)).toBeUndefined();
    expect(await chain.assets.count()).toBe(child);
  });

  it('explain why the chain refuses', async () => {
    const terms = await opened(1000n);
    const refusals: [HDNodeWallet, UnsignedTransaction, string, string][] = [
      [payer, chain.escrow.withdraw(10n ** 20n, payer.address), 'FUNDS_TOO_LOW', 'InsufficientBalance'],
      [payer, chain.escrow.topUpTo(newTerms(), 5n), 'CHANNEL_CLOSED', 'ChannelNotOpen'],
      [owner, chain.escrow.extend(terms, 1), 'PERMISSION_DENIED', 'NotPayer'],
      [payer, chain.assets.publish(asset, randomBytes(32), 9), 'PERMISSION_DENIED', 'NotOwner'],
      [payer, chain.assets.publish(999n, randomBytes(32), 9), 'NOT_FOUND', 'ERC721NonexistentToken'],
      [payer, chain.token.transfer(owner.address, 10n ** 20n), 'FUNDS_TOO_LOW', 'ERC20InsufficientBalance'],
      [payer, chain.revenue.release(asset, 9), 'NOT_FOUND', 'UnknownTenure'],
    ];
    for (const [who, transaction, reason, revert] of refusals) {
      await expect(send(who, transaction)).rejects.toMatchObject({ reason, details: { revert } });
    }
    await expect(chain.assets.ownerOf(999n)).rejects.toMatchObject({ reason: 'NOT_FOUND' });
    expect(explain(new Error('anything else'), null)).toMatchObject({ reason: 'INTERNAL' });
  });

  it('refuse signatures of another length before anything is sent', () => {
    const claim = { ...claimOf(newTerms(), 1n), signature: randomBytes(65) };
    expect(() => chain.escrow.claim([claim])).toThrow(RangeError);
  });

  it('T21 read at a chosen block, so that a deposit counts only when it is deep enough', async () => {
    const before = await chain.provider.getBlockNumber();
    const terms = await opened(300n);
    const id = channelId(terms, domain());
    expect(await chain.escrow.channel(id, before)).toMatchObject({ status: 'none', deposited: 0n });
    expect(await chain.escrow.channel(id)).toMatchObject({ status: 'open', deposited: 300n });
    const snapshot = await chain.provider.getBlockNumber();
    await chain.provider.send('anvil_reorg', [snapshot - before, []]);
    expect(await chain.escrow.channel(id)).toMatchObject({ status: 'none', deposited: 0n });
  });

  it('T8 a claim and a reclaim in one block end the same in either order', async () => {
    for (const claimFirst of [true, false]) {
      for (const early of [true, false]) {
        const terms = await opened(1000n);
        const id = channelId(terms, domain());
        const release = (await chain.escrow.channel(id)).expiresAtSec + (await chain.escrow.windowSec());
        const time = early ? release - 1 : release;
        const claim = () => queue(operator, chain.escrow.claim([claimOf(terms, 600n)]));
        const reclaim = () => queue(owner, chain.escrow.reclaim([terms]));
        const receipts = await inOneBlock(time, claimFirst ? [claim, reclaim] : [reclaim, claim]);
        expect(receipts[0]!.blockNumber).toBe(receipts[1]!.blockNumber);
        const events = parseEscrowLogs(
          receipts.flatMap(({ logs }) => logs),
          chain.deployment.escrow,
        );
        expect(events.map((event) => event.name).sort()).toEqual(
          early ? ['Claimed', 'Skipped'] : ['Closed', 'Skipped'],
        );
        expect(await chain.escrow.channel(id)).toMatchObject(
          early ? { status: 'open', claimed: 600n } : { status: 'closed', claimed: 0n },
        );
      }
    }
  });

  it('T22 a dropped claim is sent again and pays once', async () => {
    const terms = await opened(1000n);
    const claim = claimOf(terms, 250n);
    await chain.provider.send('evm_setAutomine', [false]);
    const dropped = await new NonceManager(operator).sendTransaction(chain.escrow.claim([claim]));
    await chain.provider.send('anvil_dropTransaction', [dropped.hash]);
    await chain.provider.send('evm_mine', []);
    await chain.provider.send('evm_setAutomine', [true]);
    expect((await chain.escrow.channel(channelId(terms, domain()))).claimed).toBe(0n);
    const before = (await chain.escrow.income(asset, 1)).earned;
    await send(operator, chain.escrow.claim([claim]));
    await send(operator, chain.escrow.claim([claim]));
    expect((await chain.escrow.income(asset, 1)).earned).toBe(before + 250n);
  });

  /** With gas of our own: an estimate made before the release knows only the cheap way, in which an entry is skipped. */
  function queue(who: HDNodeWallet, transaction: UnsignedTransaction): Promise<TransactionResponse> {
    return who.sendTransaction({ ...transaction, gasLimit: 300_000n });
  }

  /** Sends transactions in this order into one block at a time of our choice. */
  async function inOneBlock(timeSec: number, sends: (() => Promise<TransactionResponse>)[]) {
    await chain.provider.send('evm_setAutomine', [false]);
    try {
      const sent: TransactionResponse[] = [];
      for (const start of sends) sent.push(await start());
      await chain.provider.send('evm_setNextBlockTimestamp', [timeSec]);
      await chain.provider.send('evm_mine', []);
      return await Promise.all(sent.map(mined));
    } finally {
      await chain.provider.send('evm_setAutomine', [true]);
    }
  }
});
