import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Wallet } from 'ethers';
import { connectChain } from '#contracts/chain-provider.js';
import { startPostgres } from '#platform/local/postgres.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { onEnd } from '#test/support/on-end.js';
import {
  type PaidService,
  type PaidServiceOptions,
  publishEcho,
  SAY,
  startPaidService,
  text,
} from '#test/support/paid-service.js';
import { callPaid, openChannel, openChannels, type PayingChannel } from '#test/support/paying.js';
import { type Fate, startRpcProxy } from '#test/support/rpc-proxy.js';
import { seeded } from '#test/support/seeded.js';
import { startSettler } from '#test/support/settling.js';
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

  describe('T23 a node that lies, lags or has gaps', () => {
    /** A provider behind a wire, with a known channel, one it has not met, and its settler. */
    async function behind(more: Partial<PaidServiceOptions> = {}) {
      const own = await startChain();
      const sold = await publishEcho(own);
      const wire = await startRpcProxy(own.rpcUrl);
      const provider = await connectChain(wire.url);
      const link = { ...own, provider, rpcUrl: wire.url };
      const service = await startPaidService({ chain: link, databaseUrl: await createDatabase(), ...sold, ...more });
      const operator = new Wallet(sold.operatorWallet.privateKey, provider);
      const settling = await startSettler(link, service, operator, { everyMs: 3_600_000 });
      await own.fund(own.account(2), 10_000_000n);
      const open = (count: number) => openChannels(own, own.account(2), sold.asset, 10_000n, count);
      onEnd(async () => {
        await settling.stop();
        await service.stop();
        provider.destroy();
        await own.stop();
      });
      return { own, sold, wire, service, settling, open };
    }

    test('gives no new credit meanwhile, serves known channels on, and keeps no claim from the chain', async () => {
      const { own, wire, service, settling, open } = await behind({ maxBlockAgeSec: 3_600 });
      const [known, ...unknown] = await open(6);
      const change = (method: string, pattern: RegExp, value: string) => (asked: string, answer: string) =>
        asked === method ? answer.replace(pattern, value) : answer;
      const lies = [
        change('eth_chainId', /"0x[0-9a-f]+"/, '"0x1"'),
        change('eth_getBlockByNumber', /"number":"0x[0-9a-f]+"/, '"number":"0x1"'),
        change('eth_getBlockByNumber', /"timestamp":"0x[0-9a-f]+"/, '"timestamp":"0x65000000"'),
        change('eth_getBlockByNumber', /"timestamp":"0x[0-9a-f]+"/, '"timestamp":"0xffffffff"'),
        change('eth_getBlockByNumber', /"result":.*$/, '"result":null}'),
      ];
      let spent = 0n;
      for (const [i, lie] of lies.entries()) {
        expect((await pay(service, known!)).error).toBeUndefined();
        wire.distort(lie);
        expect((await pay(service, known!)).error).toBeUndefined();
        expect((await pay(service, unknown[i]!)).error?.reason).toBe('CHAIN_UNAVAILABLE');
        spent += 200n;
        expect(await settling.settler.settleNow()).toMatchObject([{ channel: known!.id, amount: 200n }]);
        expect((await own.escrow.channel(known!.id)).claimed).toBe(spent);
        wire.distort((_, answer) => answer);
        expect((await pay(service, unknown[i]!)).error).toBeUndefined();
        await settling.settler.settleNow();
        expect(await service.ledger.channel(known!.id)).toMatchObject({ spent, claimed: spent });
      }
    });

    test('I11 with gaps of every kind: what was earned is claimed, and ledger and chain agree with no command', async () => {
      const { own, sold, wire, service, settling, open } = await behind();
      const seed = randomInt(2 ** 31);
      console.log(`gaps by seed ${seed}`);
      const random = seeded(seed);
      const fates: Fate[] = ['lose request', 'lose answer', 'answer 500'];
      const channels = await open(20);
      wire.decide(() => (random() < 0.2 ? fates[Math.floor(random() * 3)]! : 'pass'));
      wire.distort((method, answer) => {
        if (random() < 0.8) return answer;
        if (/^eth_get(BlockByNumber|TransactionReceipt)$/.test(method))
          return answer.replace(/"result":.*$/, '"result":null}');
        if (method !== 'eth_getTransactionReceipt') return answer;
        const { result, ...rest } = JSON.parse(answer) as { result: { logs: unknown[] } | null };
        const logs = random() < 0.5 ? [] : [...(result?.logs ?? []), ...(result?.logs ?? [])];
        return JSON.stringify({ ...rest, result: result && { ...result, logs } });
      });
      let earned = 0n;
      // By bad luck of the seed little is admitted: then more is tried.
      for (let round = 1; round <= 5 || earned <= 1_000n; round++) {
        await Promise.all(
          channels.slice(0, 4 * round).map(async (channel) => {
            const { error } = await pay(service, channel);
            if (error === undefined) earned += 100n;
            else expect(error.reason).toBe('CHAIN_UNAVAILABLE');
          }),
        );
        await settling.settler.settleNow().catch((error) => expect(error.retryable).toBe(true));
      }
      wire.decide(() => 'pass');
      wire.distort((_, answer) => answer);
      expect(earned).toBeGreaterThan(1_000n);
      await settling.settler.settleNow();
      expect((await own.escrow.income(sold.asset, 1)).earned).toBe(earned);
      for (const { id } of channels) {
        const row = await service.ledger.channel(id);
        expect((await own.escrow.channel(id)).claimed).toBe(row?.spent ?? 0n);
        expect(row?.claimed).toBe(row?.spent);
      }
    });

    test('and a witness beside it: money that only one of the two shows buys nothing', async () => {
      const node = await startChain();
      const wire = await startRpcProxy(node.rpcUrl);
      const sold = await publishEcho(node);
      const [provider, witness] = await Promise.all([connectChain(node.rpcUrl), connectChain(wire.url)]);
      const link = { ...node, provider };
      const service = await startPaidService({ chain: link, databaseUrl: await createDatabase(), ...sold, witness });
      try {
        await node.fund(node.account(2), 100_000n);
        const [real, other] = await openChannels(node, node.account(2), sold.asset, 10_000n, 2);
        expect((await pay(service, real!)).error).toBeUndefined();
        const doubts: [Parameters<typeof wire.decide>[0], Parameters<typeof wire.distort>[0]][] = [
          [
            () => 'pass',
            (method, answer) =>
              method === 'eth_call' ? answer.replace(/0x[0-9a-f]+/, `0x${'0'.repeat(256)}`) : answer,
          ],
          [() => 'pass', (_, answer) => answer.replace(/"hash":"0x../, '"hash":"0xff')],
          [
            () => 'pass',
            (method, answer) =>
              method === 'eth_getBlockByNumber' ? answer.replace(/"result":.*$/, '"result":null}') : answer,
          ],
          [() => 'lose answer', (_, answer) => answer],
        ];
        for (const [decide, distort] of doubts) {
          wire.decide(decide);
          wire.distort(distort);
          expect((await pay(service, other!)).error).toMatchObject({ reason: 'CHAIN_UNAVAILABLE' });
          expect((await pay(service, real!)).error).toBeUndefined();
        }
        wire.decide(() => 'pass');
        wire.distort((_, answer) => answer);
        expect((await pay(service, other!)).error).toBeUndefined();
      } finally {
        await service.stop();
        provider.destroy();
        witness.destroy();
        await node.stop();
      }
    });
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
