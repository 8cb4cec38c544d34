import { send } from '#contracts/chain.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { type PaidService, publishEcho, startPaidService, text, textOf } from '#test/support/paid-service.js';
import { payFor, pinOf, quoteOf, walletOptions } from '#test/support/wallets.js';
import { LocalWallet, type LocalWalletOptions } from './local-wallet.js';

describe('a wallet embedded in a program', () => {
  let chain: Chain;
  let service: PaidService;
  let options: LocalWalletOptions;
  let wallet: LocalWallet;

  beforeAll(async () => {
    const databaseUrl = await createDatabase();
    chain = await startChain();
    service = await startPaidService({ chain, databaseUrl, ...(await publishEcho(chain)) });
    options = walletOptions(chain, databaseUrl);
    await send(chain.account(2), chain.token.mint(options.key.address, 1_000_000n));
    wallet = await LocalWallet.open(options);
  });

  afterAll(async () => {
    await wallet?.close();
    await service?.stop();
    await chain?.stop();
  });

  it('opens a quote, pays calls with it and ends with a ledger equal to the provider’s', async () => {
    const request = quoteOf([pinOf(service)]);
    const opened = await wallet.openQuote(request);
    expect(opened.transaction).toMatch(/^0x[0-9a-f]{64}$/);
    for (let i = 0; i < 5; i++) {
      const { reply, state } = await payFor(wallet, service, request.quoteId, text(`hello ${i}`));
      expect(reply.error).toBeUndefined();
      expect(textOf(reply.bytes)).toBe(`hello ${i}`);
      expect(state).toBe('SETTLED');
    }
    const [channel] = await wallet.channels();
    expect(channel).toMatchObject({ settled: 500n, reserved: 0n, open: true });
    const provider = await service.ledger.channel(channel!.channelId);
    expect(provider?.spent).toBe(500n);
    expect(await wallet.quoteStatus(request.quoteId)).toMatchObject({ settled: 500n, exposure: 500n, closed: false });
    await wallet.closeQuote(request.quoteId);
  });
});
