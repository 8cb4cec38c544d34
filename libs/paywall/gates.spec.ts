import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Contract, type HDNodeWallet } from 'ethers';
import { docsDigest, writeDocs } from '#client/listing/listing-docs.js';
import { send } from '#contracts/chain.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { buyLicence, callLicensed, licensedCall } from '#test/support/licensing.js';
import { deployMultiToken } from '#test/support/multi-token.js';
import { onEnd } from '#test/support/on-end.js';
import { type PaidService, publishEcho, SAY, startPaidService, text, textOf } from '#test/support/paid-service.js';
import { callPaid, openChannel, type PayingChannel } from '#test/support/paying.js';

const price = { method: SAY, kind: 'fixed', unit: '', rate: 100n, per: 1n, maxAmount: 100n } as const;

describe('a listing that demands a token', () => {
  let chain: Chain;
  let multi: Contract;
  let owner: HDNodeWallet;
  let payer: HDNodeWallet;

  beforeAll(async () => {
    chain = await startChain();
    [owner, payer] = [chain.account(1), chain.account(2)];
    multi = await deployMultiToken(chain.account(3));
    await chain.fund(payer, 1_000_000n);
  });
  afterAll(() => chain?.stop());

  /** A service behind a gate, and a channel of the payer's to it. */
  async function gated(gate: object): Promise<{ service: PaidService; channel: PayingChannel; docs: Uint8Array }> {
    const docs = writeDocs({ title: 'Echo', gate: gate as never });
    const echo = await publishEcho(chain, owner, { docsDigest: docsDigest(docs), prices: [price] });
    const service = await startPaidService({ chain, databaseUrl: await createDatabase(), ...echo, docs });
    onEnd(() => service.stop());
    return { service, docs, channel: await openChannel(chain, payer, echo.asset, 10_000n) };
  }

  const say = (service: PaidService, channel: PayingChannel, what: string, callId?: Uint8Array) => {
    const request = text(what);
    return callPaid(service.client, `/${SAY}`, request, channel.pay(service.call(SAY, request, 100n, callId)));
  };

  async function untilRefused(service: PaidService, channel: PayingChannel): Promise<void> {
    for (const untilMs = performance.now() + 20_000; ; ) {
      const { error } = await say(service, channel, 'x');
      if (error?.reason === 'TOKEN_REQUIRED') return;
      expect([error, performance.now() < untilMs]).toEqual([undefined, true]);
    }
  }

  test('an ERC-20: the payer of the channel must hold enough, and is refused soon after having sold it', async () => {
    const { token } = chain.deployment;
    const { service, channel } = await gated({ standard: 'erc20', token, atLeast: '500' });
    await send(payer, chain.token.mint(payer.address, 499n));
    const refused = await say(service, channel, 'poor');
    expect(refused.error).toMatchObject({
      reason: 'TOKEN_REQUIRED',
      details: { standard: 'erc20', token, atLeast: '500', holder: payer.address.toLowerCase() },
    });
    expect(refused.outcome).toBe('not-charged');
    expect(service.calls).toEqual([]);
    await send(payer, chain.token.mint(payer.address, 1n));
    const callId = randomBytes(32);
    expect(textOf((await say(service, channel, 'rich', callId)).bytes)).toBe('rich');
    await send(payer, chain.token.transfer(owner.address, 500n));
    await untilRefused(service, channel);
    // What was paid for is still answered.
    expect(textOf((await say(service, channel, 'rich', callId)).bytes)).toBe('rich');
  });

  test('an ERC-721: any of a collection, or one', async () => {
    const { assets: token } = chain.deployment;
    const any = await gated({ standard: 'erc721', token });
    expect((await say(any.service, any.channel, 'none')).error?.reason).toBe('TOKEN_REQUIRED');
    await send(payer, chain.assets.mint({}));
    expect((await say(any.service, any.channel, 'one')).error).toBeUndefined();
    const mine = await chain.assets.count();
    const right = await gated({ standard: 'erc721', token, id: String(mine) });
    expect((await say(right.service, right.channel, 'mine')).error).toBeUndefined();
    const wrong = await gated({ standard: 'erc721', token, id: '1' });
    expect((await say(wrong.service, wrong.channel, 'not mine')).error?.details).toMatchObject({ id: '1' });
    const never = await gated({ standard: 'erc721', token, id: '123456' });
    expect((await say(never.service, never.channel, 'nobody’s')).error?.reason).toBe('TOKEN_REQUIRED');
  });

  test('an ERC-1155: enough of one id; a contract that is none is held by nobody', async () => {
    const token = String(multi.target);
    const { service, channel } = await gated({ standard: 'erc1155', token, id: '7', atLeast: '2' });
    const mint = async (id: number, amount: number) =>
      (await multi.getFunction('mint')(payer.address, id, amount)).wait(0);
    await mint(8, 5);
    await mint(7, 1);
    expect((await say(service, channel, 'one')).error?.reason).toBe('TOKEN_REQUIRED');
    await mint(7, 1);
    expect((await say(service, channel, 'two')).error).toBeUndefined();
    const nothing = await gated({ standard: 'erc20', token: `0x${'9'.repeat(40)}` });
    expect((await say(nothing.service, nothing.channel, 'x')).error?.reason).toBe('TOKEN_REQUIRED');
  });

  test('a licence does not replace the token: its holder must have both', async () => {
    const { assets: token } = chain.deployment;
    const { service } = await gated({ standard: 'erc721', token });
    const use = async (buyer: HDNodeWallet) => {
      const licence = await buyLicence(chain, { owner, buyer, listing: service.listing });
      const request = text('licensed');
      const payment = licence.use(licensedCall(service.listing, SAY, request));
      return await callLicensed(service.client, `/${SAY}`, request, payment);
    };
    expect((await use(chain.account(4))).error?.reason).toBe('TOKEN_REQUIRED');
    expect((await use(payer)).error).toBeUndefined();
  });

  test('what cannot be held to is refused before anything is served', async () => {
    const gate = { standard: 'erc721', token: chain.deployment.assets } as const;
    const docs = writeDocs({ title: 'Echo', gate });
    const start = async (listing: PaidService['listing'], operator: PaidService['operator']) => {
      const service = await startPaidService({ chain, databaseUrl: await createDatabase(), listing, operator, docs });
      onEnd(() => service.stop());
    };
    // Docs of another listing; a free method, whose caller proves nothing.
    const other = await publishEcho(chain, owner, { prices: [price] });
    await expect(start(other.listing, other.operator)).rejects.toMatchObject({ reason: 'CONFIG_INVALID' });
    const free = await publishEcho(chain, owner, { docsDigest: docsDigest(docs) });
    await expect(start(free.listing, free.operator)).rejects.toThrow('is free');
    for (const bad of [
      { standard: 'erc1155', token: gate.token },
      { standard: 'erc20', token: gate.token, id: '1' },
      { standard: 'erc20', token: 'x' },
      { ...gate, atLeast: '0' },
      { ...gate, more: 1 },
    ])
      expect(() => writeDocs({ title: 'Echo', gate: bad as never })).toThrow(/gate/);
  });
});
