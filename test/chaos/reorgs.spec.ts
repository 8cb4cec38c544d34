import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { jest } from '@jest/globals';
import pg from 'pg';
import { audit } from '#client/audit/audit.js';
import { send } from '#contracts/chain.js';
import { LocalWallet, type LocalWalletOptions } from '#payments/payer/local-wallet.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { publishEcho, startPaidService, text } from '#test/support/paid-service.js';
import { startSettler } from '#test/support/settling.js';
import { payFor, pinOf, quoteOf, walletOptions } from '#test/support/wallets.js';

jest.setTimeout(200_000);

const PAYER = 2;
const MONEY = 1_000_000n;

/** A payer and a provider on a chain of their own, on which both wait for `confirmations` blocks. */
async function startWorld(confirmations: number) {
  const chain = await startChain();
  const stops: (() => Promise<unknown>)[] = [() => chain.stop()];
  const stop = async () => {
    for (const end of stops.reverse()) await end();
  };
  try {
    const echo = await publishEcho(chain);
    // What a test gives by other means than transactions lies before every reorganisation.
    await mine(chain, 2);
    const limits = { standingMs: 30 };
    const providerDatabase = await createDatabase();
    const service = await startPaidService({ chain, databaseUrl: providerDatabase, ...echo, limits, confirmations });
    stops.push(() => service.stop());
    const databaseUrl = await createDatabase();
    const base = walletOptions(chain, databaseUrl, { account: PAYER });
    const options: LocalWalletOptions = {
      ...base,
      chain: { ...base.chain, confirmations },
      policy: { ...base.policy, sweepEveryMs: 30, resumeEveryMs: 50, runsAhead: 1 },
    };
    const wallet = await LocalWallet.open(options);
    stops.push(() => wallet.close());
    const settling = await startSettler(chain, service, echo.operatorWallet, { everyMs: 30, confirmations });
    stops.push(() => settling.stop());
    return { chain, echo, service, wallet, settling, databaseUrl, providerDatabase, confirmations, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
type World = Awaited<ReturnType<typeof startWorld>>;

const mine = (chain: Chain, blocks: number) => chain.provider.send('anvil_mine', [`0x${blocks.toString(16)}`]);

/** Blocks come all the time, as on every chain that may reorganise. */
async function whileBlocksCome<T>({ chain, confirmations }: World, work: () => Promise<T>): Promise<T> {
  if (confirmations === 0) return work();
  let ended = false;
  const mining = (async () => {
    while (!ended) {
      await mine(chain, 1);
      await delay(25);
    }
  })();
  try {
    return await work();
  } finally {
    ended = true;
    await mining;
  }
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const giveUpAtMs = Date.now() + 150_000; !(await holds()); await delay(20))
    if (Date.now() > giveUpAtMs) throw new Error(`150 s passed before ${what}`);
}

const giveTokens = ({ chain }: World) => send(chain.account(5), chain.token.mint(chain.account(PAYER).address, MONEY));

async function openQuote({ wallet, service }: World, calls: number): Promise<Uint8Array> {
  const quoteId = randomBytes(32);
  await wallet.openQuote(quoteOf([pinOf(service, { calls })], { quoteId }));
  return quoteId;
}

async function pay({ wallet, service }: World, quoteId: Uint8Array, calls: number): Promise<void> {
  for (let done = 0; done < calls; ) {
    const { reply, state } = await payFor(wallet, service, quoteId, text(`call ${randomBytes(4).toString('hex')}`));
    if (state === 'SETTLED') done++;
    // The provider looks again by itself for what is not deep enough yet.
    else expect(['CHANNEL_UNKNOWN', 'CHANNEL_EMPTY']).toContain(reply.error?.reason);
  }
}

/** Everything that anybody keeps of money, against what the chain says now; to the last unit. */
async function books(world: World) {
  const { chain, wallet, service } = world;
  const payer = chain.account(PAYER).address;
  const { free, inChannels, inToken } = await wallet.account();
  const channels = await wallet.channels();
  let onChain = 0n;
  for (const { channelId } of channels) {
    const { status, deposited, claimed } = await chain.escrow.channel(channelId);
    if (status === 'open') onChain += deposited - claimed;
  }
  const rows = [];
  for (const { channelId, settled, claimed, deposited, open } of channels) {
    const now = await chain.escrow.channel(channelId);
    const provider = await service.ledger.channel(channelId);
    rows.push({
      open: [open, now.status === 'open'],
      deposited: [...(open ? [deposited] : []), provider?.deposited ?? now.deposited, now.deposited],
      claimed: [...(open ? [claimed] : []), provider?.claimed ?? now.claimed, now.claimed],
      spent: [settled, provider?.spent ?? 0n],
    });
  }
  return {
    rows,
    money: [
      free + inChannels + inToken,
      (await chain.escrow.balanceOf(payer)) + onChain + (await chain.token.balanceOf(payer)),
    ],
  };
}

const allSame = (values: readonly unknown[]): boolean => values.every((each) => each === values[0]);
const areEqual = ({ rows, money }: Awaited<ReturnType<typeof books>>): boolean =>
  allSame(money) && rows.every((row) => Object.values(row).every(allSame));

/** Every ledger equals the chain, and what was spent is claimed. */
async function expectEqual(world: World): Promise<void> {
  const { chain, service } = world;
  let last: unknown;
  await until('ledgers and chain were equal', async () => {
    // As it does once the policy says so: it may have looked while the channel was not back yet.
    await world.settling.settler.settleNow();
    const found = await books(world);
    last = found;
    const claimed = found.rows.every(({ spent, claimed: [amount] }) => spent[0] === amount || amount === undefined);
    return areEqual(found) && claimed;
  }).catch((error: Error) => {
    const shown = JSON.stringify(last, (_, value) => (typeof value === 'bigint' ? String(value) : value), 1);
    throw new Error(`${error.message}: ${shown}`);
  });
  const { earned } = await chain.escrow.income(service.listing.asset, 1);
  const ledger = await service.ledger.earnings();
  const sum = (of: 'earned' | 'claimed') => ledger.reduce((total, each) => total + each[of], 0n);
  expect([sum('earned'), sum('claimed')]).toEqual([earned, earned]);
  const { provider, deployment } = chain;
  const found = await audit({ provider, contracts: deployment, ledger, depth: world.confirmations });
  expect(found.differences).toEqual([]);
}

/** Takes the chain back to a block; `put` are raw transactions that the new branch has, each in a block of its own. */
async function reorganise({ chain }: World, toBlock: number, put: readonly string[] = []): Promise<void> {
  const depth = (await chain.provider.getBlockNumber()) - toBlock;
  await chain.provider.send('anvil_reorg', [Math.max(depth, put.length), put.map((raw, i) => [raw, i])]);
}

async function rawOf(databaseUrl: string, schema: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const { rows } = await client.query<{ raw: string }>(`select raw from ${schema}.sent_transaction order by nonce`);
  await client.end();
  return rows.map(({ raw }) => raw);
}

describe.each([0, 3])('I11 a reorganisation, with %i confirmations,', (confirmations) => {
  let world: World;
  beforeEach(async () => {
    world = await startWorld(confirmations);
  });
  afterEach(() => world?.stop());

  /** Deposit, opening, calls, top-up, calls, claim. Gives the block before each. */
  async function live(): Promise<Record<'money' | 'open' | 'topUp' | 'claim', number>> {
    const block = () => world.chain.provider.getBlockNumber();
    return await whileBlocksCome(world, async () => {
      const money = await block();
      await giveTokens(world);
      const open = await block();
      await pay(world, await openQuote(world, 20), 20);
      const topUp = await block();
      await pay(world, await openQuote(world, 50), 7);
      const claim = await block();
      await world.settling.settler.settleNow();
      await expectEqual(world);
      return { money, open, topUp, claim };
    });
  }

  test.each(['claim', 'topUp', 'open'] as const)(
    'T21 T22 that takes everything from the %s on: it comes back, and all ledgers equal the chain',
    async (first) => {
      const blocks = await live();
      const [channel] = await world.wallet.channels();
      const before = await world.chain.escrow.channel(channel!.channelId);
      expect(before.claimed).toBe(2_700n);
      await world.chain.withoutMining(async () => {
        await reorganise(world, blocks[first]);
        expect(await world.chain.escrow.channel(channel!.channelId)).not.toEqual(before);
      });
      await whileBlocksCome(world, async () => {
        await expectEqual(world);
        expect(await world.chain.escrow.channel(channel!.channelId)).toEqual(before);
        await pay(world, await openQuote(world, 5), 5);
        await world.settling.settler.settleNow();
        await expectEqual(world);
      });
    },
  );

  test('T22 T30 that puts the claim before the opening: it is claimed once all the same', async () => {
    const blocks = await live();
    const [claim] = await rawOf(world.providerDatabase, 'provider');
    const payers = await rawOf(world.databaseUrl, 'payer');
    const [channel] = await world.wallet.channels();
    await world.chain.withoutMining(async () => {
      await reorganise(world, blocks.open, [claim!, ...payers]);
      expect(await world.chain.escrow.channel(channel!.channelId)).toMatchObject({ status: 'open', claimed: 0n });
    });
    await whileBlocksCome(world, () => expectEqual(world));
    expect((await world.chain.escrow.channel(channel!.channelId)).claimed).toBe(2_700n);
  });

  test('T21 after which the payer’s money never comes: no ledger has a channel that the chain has not', async () => {
    const { quoteId, before } = await whileBlocksCome(world, async () => {
      const block = await world.chain.provider.getBlockNumber();
      await giveTokens(world);
      return { quoteId: await openQuote(world, 20), before: block };
    });
    await reorganise(world, before);
    expect(await world.chain.token.balanceOf(world.chain.account(PAYER).address)).toBe(0n);
    await whileBlocksCome(world, async () => {
      await until('the wallet saw that its channel is gone', async () =>
        (await world.wallet.channels()).every(({ open }) => !open),
      );
      await expectEqual(world);
      // Nothing was served for money that is not there.
      await expect(payFor(world.wallet, world.service, quoteId, text('for nothing'))).rejects.toMatchObject({
        reason: expect.stringMatching(/^CHANNEL_(UNKNOWN|CLOSED)$/),
      });
      expect(world.service.calls).toEqual([]);
      await giveTokens(world);
      await pay(world, await openQuote(world, 10), 10);
      await world.settling.settler.settleNow();
      await expectEqual(world);
    });
  });

  test('T21 that takes a top-up by somebody else: no credit is left of it on either side', async () => {
    const { wallet, chain, service } = world;
    const stranger = chain.account(6);
    await live();
    const { channelId, terms, deposited } = (await wallet.channels())[0]!;
    const before = await whileBlocksCome(world, async () => {
      await chain.fund(stranger, 50_000n);
      const block = await chain.provider.getBlockNumber();
      await send(stranger, chain.escrow.topUpTo(terms, deposited + 50_000n));
      await until('both saw the top-up', async () => {
        await service.ledger.updateFromChain(channelId, await service.view.channel(channelId));
        const [entry] = await wallet.channels();
        return entry!.deposited === deposited + 50_000n;
      });
      return block;
    });
    await reorganise(world, before);
    await whileBlocksCome(world, () => expectEqual(world));
    const [after] = await wallet.channels();
    expect(after!.deposited).toBe((await chain.escrow.channel(channelId)).deposited);
    expect(after!.deposited).toBe(deposited);
  });
});

test('T21 with as many confirmations as blocks can go nothing is served for money that goes', async () => {
  const world = await startWorld(6);
  try {
    const { chain, service, wallet } = world;
    await giveTokens(world);
    const before = await chain.provider.getBlockNumber();
    let quoted = false;
    const opening = openQuote(world, 10).finally(() => {
      quoted = true;
    });
    // As far as the block in which the channel opens, and no further.
    let opened: Uint8Array | undefined;
    await until('the channel was on chain', async () => {
      opened = (await wallet.channels())[0]?.channelId;
      if (opened !== undefined && (await chain.escrow.channel(opened)).status === 'open') return true;
      await mine(chain, 1);
      return false;
    });
    expect((await wallet.channels()).filter(({ open }) => open)).toEqual([]);
    expect(quoted).toBe(false);
    await chain.withoutMining(async () => {
      await reorganise(world, before);
      expect((await chain.escrow.channel(opened!)).status).toBe('none');
    });
    expect([service.calls, await service.ledger.channels()]).toEqual([[], []]);
    await whileBlocksCome(world, async () => {
      await pay(world, await opening, 10);
      await world.settling.settler.settleNow();
      await expectEqual(world);
    });
    expect(await wallet.channels()).toHaveLength(1);
  } finally {
    await world.stop();
  }
});
