import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { writeMarketplace } from '#client/marketplace.js';
import { connect } from '#payments/rpc/connect.js';
import { StreamEntitiesRequest, StreamEntitiesResponse } from '#protos/models/entities/v1/entities.js';
import { type Market, startMarket } from '#test/support/market.js';
import { marketplaceOf } from '#test/support/nowhere.js';
import { onEnd } from '#test/support/on-end.js';
import { startPaidModel } from '#test/support/paid-models.js';
import { newCall, openChannel, readTrailers, streamPaid } from '#test/support/paying.js';
import { tempDir } from '#test/support/temp-dir.js';

const STREAM = 'models.entities.v1.EntitiesService/StreamEntities';
const MOST = 5_000n;

describe('the shipped analyst, paid by the entity', () => {
  let market: Market;
  beforeAll(async () => {
    market = await startMarket();
  });
  afterAll(() => market?.stop());

  it('proves what a text cost, also when nothing is in it', async () => {
    const { chain, registry, directory } = market;
    const { chainId, ...contracts } = chain.deployment;
    const home = tempDir();
    await writeMarketplace(
      home,
      marketplaceOf({ chainId: Number(chainId), rpcUrl: chain.rpcUrl, contracts, registry: registry.address }),
    );
    const { address } = await startPaidModel({ home, chain }, 'entities');
    const client = connect(address);
    onEnd(() => client.close());
    const [record] = await directory.search('entities');
    const payer = chain.account(2);
    await chain.fund(payer, 2n * MOST);
    const channel = await openChannel(chain, payer, record!.listing.asset, 2n * MOST);
    const read = async (text: string) => {
      const request = StreamEntitiesRequest.encode({ text }).finish();
      const call = newCall(record!.digest, STREAM, request, MOST);
      const stream = streamPaid(client, `/${STREAM}`, request, channel.pay(call));
      const found: (string | undefined)[] = [];
      for await (const bytes of stream) found.push(StreamEntitiesResponse.decode(bytes).entity?.text);
      return { found, ...readTrailers((await stream.status).trailers) };
    };
    expect(await read('Pay $5 on Monday.')).toMatchObject({
      found: ['$5', 'Monday'],
      receipt: { units: 2n, amount: 40n, outcome: 'complete' },
    });
    expect(await read('nothing here')).toMatchObject({
      found: [],
      outcome: 'charged',
      receipt: { units: 0n, amount: 0n, outcome: 'complete' },
    });
  });
});
