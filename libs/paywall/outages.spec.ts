import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connectChain } from '#contracts/chain-provider.js';
import { startPostgres } from '#platform/local/postgres.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { type PaidService, publishEcho, SAY, startPaidService, text } from '#test/support/paid-service.js';
import { callPaid, openChannel, openChannels, type PayingChannel } from '#test/support/paying.js';
import { tempDir } from '#test/support/temp-dir.js';

describe('when a part is down', () => {
  let chain: Chain;
  let echo: Awaited<ReturnType<typeof publishEcho>>;
  const request = text('hello');

  beforeAll(async () => {
    chain = await startChain();
    echo = await publishEcho(chain);
    await chain.fund(chain.account(2), 10_000_000n);
  });

  afterAll(async () => {
    await chain?.stop();
  });

  const pay = (service: PaidService, channel: PayingChannel, maxAmount = 100n) =>
    callPaid(service.client, `/${SAY}`, request, channel.pay(service.call(SAY, request, maxAmount)));

  test('I8 the ledger: no outcome is told, nothing is charged, and calls go on when it is back', async () => {
    const dir = tempDir();
    let postgres = await startPostgres({ dir, fsync: false });
    const service = await startPaidService({ chain, databaseUrl: postgres.url(), ...echo });
    try {
      const [known, unknown] = await openChannels(chain, chain.account(2), echo.asset, 100_000n, 2);
      expect((await pay(service, known!)).error).toBeUndefined();
      await postgres.stop();
      for (const channel of [known!, unknown!]) {
        const reply = await pay(service, channel);
        expect(reply).toMatchObject({
          error: { reason: 'LEDGER_UNAVAILABLE' },
          outcome: undefined,
          receipt: undefined,
        });
      }
      postgres = await startPostgres({ dir, port: postgres.port, fsync: false });
      expect((await pay(service, known!)).error).toBeUndefined();
      expect((await pay(service, unknown!)).error).toBeUndefined();
      expect(await service.ledger.channel(known!.id)).toMatchObject({ spent: 200n, calls: 2n });
    } finally {
      await service.stop();
      await postgres.stop();
    }
  });

  test('T23 the chain: channels that are known are served on, new ones are not let in', async () => {
    const own = await startChain();
    const sold = await publishEcho(own);
    const provider = await connectChain(own.rpcUrl);
    const service = await startPaidService({
      chain: { ...own, provider },
      databaseUrl: await createDatabase(),
      ...sold,
    });
    try {
      await own.fund(own.account(2), 1_000_000n);
      const [known, unknown] = await openChannels(own, own.account(2), sold.asset, 10_000n, 2);
      expect((await pay(service, known!)).error).toBeUndefined();
      await own.stop();
      for (let i = 0; i < 5; i++) expect((await pay(service, known!)).error).toBeUndefined();
      expect((await pay(service, unknown!)).error?.reason).toBe('CHAIN_UNAVAILABLE');
      const tooMuch = await pay(service, known!, 50_000n);
      expect(tooMuch.error?.reason).toBe('CHAIN_UNAVAILABLE');
    } finally {
      await service.stop();
      provider.destroy();
    }
  });

  test('no call on a known channel asks the chain anything', async () => {
    const service = await startPaidService({ chain, databaseUrl: await createDatabase(), ...echo });
    try {
      const channel = await openChannel(chain, chain.account(2), echo.asset, 100_000n);
      await pay(service, channel);
      let questions = 0;
      const { provider } = chain;
      const send = provider.send.bind(provider);
      provider.send = (method, params) => {
        questions += 1;
        return send(method, params);
      };
      for (let i = 0; i < 20; i++) expect((await pay(service, channel)).error).toBeUndefined();
      provider.send = send;
      expect(questions).toBe(0);
    } finally {
      await service.stop();
    }
  });
});
