import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { writeMarketplace } from '#client/marketplace.js';
import { send } from '#contracts/chain.js';
import { connect } from '#payments/rpc/connect.js';
import { IdentifyRequest } from '#protos/models/language/v1/language.js';
import { IDENTIFY, type Market, startMarket } from '#test/support/market.js';
import { marketplaceOf } from '#test/support/nowhere.js';
import { onEnd } from '#test/support/on-end.js';
import { startPaidModel } from '#test/support/paid-models.js';
import { callPaid, newCall, openChannel } from '#test/support/paying.js';
import { tempDir } from '#test/support/temp-dir.js';

const DEPTH = 3;
const PRICE = 500n;

describe('a shipped model that waits for blocks', () => {
  let market: Market;
  beforeAll(async () => {
    market = await startMarket();
  });
  afterAll(() => market?.stop());

  it('T21 credits neither a channel nor a top-up before they are deep enough', async () => {
    const { chain, registry, directory } = market;
    const { chainId, ...contracts } = chain.deployment;
    const home = tempDir();
    const { rpcUrl } = chain;
    await writeMarketplace(
      home,
      marketplaceOf({ chainId: Number(chainId), rpcUrl, contracts, registry: registry.address }),
    );
    const mine = (blocks: number) => chain.provider.send('anvil_mine', [`0x${blocks.toString(16)}`]);
    // Its own listing has to be deep enough, too.
    const blocks = setInterval(() => void mine(1), 200);
    const { address } = await startPaidModel({ home, chain }, 'language', {
      WEFT_CONFIRMATIONS: String(DEPTH),
    }).finally(() => clearInterval(blocks));
    const client = connect(address);
    onEnd(() => client.close());

    const [record] = await directory.search('language');
    const payer = chain.account(2);
    await chain.fund(payer, 10n * PRICE);
    const channel = await openChannel(chain, payer, record!.listing.asset, PRICE);
    const request = IdentifyRequest.encode({ text: 'Good morning, dear neighbours' }).finish();
    const callOf = () => newCall(record!.digest, IDENTIFY, request, PRICE);
    const [first, second] = [callOf(), callOf()];
    const reasonOf = async (call: typeof first, cumulative: bigint) =>
      (await callPaid(client, `/${IDENTIFY}`, request, channel.pay(call, cumulative))).error?.reason;
    const untilServed = async (call: typeof first, cumulative: bigint, refusal: string) => {
      await mine(DEPTH - 1);
      expect(await reasonOf(call, cumulative)).toBe(refusal);
      await mine(1);
      for (
        let reason = await reasonOf(call, cumulative);
        reason !== undefined;
        reason = await reasonOf(call, cumulative)
      )
        expect(reason).toBe(refusal);
    };
    await untilServed(first, PRICE, 'CHANNEL_UNKNOWN');
    await send(payer, chain.escrow.topUpTo(channel.terms, 2n * PRICE));
    await untilServed(second, 2n * PRICE, 'CHANNEL_EMPTY');
  });
});
