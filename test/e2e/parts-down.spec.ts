import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { GatewayClient } from '#cli/gateway/gateway-client.js';
import { writeMarketplace } from '#client/marketplace.js';
import { packageRoot } from '#platform/home.js';
import { readSecret } from '#platform/secrets.js';
import { gatewayConfig } from '#services/gateway/gateway-config.js';
import { firstKeyFile, gatewayFolder } from '#services/gateway/keys/key-store.js';
import { type RunningGateway, startGateway } from '#services/gateway/start-gateway.js';
import { type EchoMarket, startEchoMarket } from '#test/support/echo-market.js';
import { nowhere } from '#test/support/nowhere.js';
import { onEnd } from '#test/support/on-end.js';
import { once } from '#test/support/once.js';
import { startTemporal } from '#test/support/temporal.js';

interface Answer {
  readonly code: number;
  readonly json: Record<string, unknown> & { error?: { reason: string; message: string } };
  readonly stderr: string;
}

/** What a user of the built command meets when parts of a marketplace that was up are gone, one after the other. */
describe('a part that is down', () => {
  let market: EchoMarket;
  let gateway: RunningGateway;
  let temporal: { address: string; stop(): Promise<void> };
  let stopGateway: () => Promise<void>;

  beforeAll(async () => {
    [market, temporal] = await Promise.all([startEchoMarket(), startTemporal()]);
    onEnd(() => market.stop());
    const marketplace = {
      ...market.marketplace,
      temporal: { address: temporal.address, namespace: 'default', ui: '' },
    };
    gateway = await startGateway(market.home, marketplace, gatewayConfig.parse({}));
    stopGateway = once(() => gateway.close());
    onEnd(stopGateway);
    await writeMarketplace(market.home, { ...marketplace, gateway: gateway.url });
  });

  const weft = (...argv: string[]): Promise<Answer> =>
    new Promise((resolve) => {
      const env = { ...process.env, WEFT_HOME: market.home, NODE_OPTIONS: '' };
      const args = [join(packageRoot(), 'cli/weft.mjs'), ...argv, '--json'];
      execFile(process.execPath, args, { env }, (error, stdout, stderr) =>
        resolve({
          code: Number(error?.code ?? 0),
          json: JSON.parse(stdout),
          stderr,
        }),
      );
    });

  const names = {
    CHAIN_UNAVAILABLE: 'the chain',
    REGISTRY_UNAVAILABLE: 'the registry',
    WALLET_UNAVAILABLE: 'the wallet',
    GATEWAY_UNAVAILABLE: 'the gateway',
    TEMPORAL_UNAVAILABLE: 'Temporal',
  };

  /** One sentence with the part, its address and how to start it; the same for programs. */
  const expectDown = ({ code, json, stderr }: Answer, reason: keyof typeof names, address: string): void => {
    const message = `${names[reason]} at ${address} does not answer; start it with: npm start (or npx weft up)`;
    expect(json).toEqual({
      error: { code: 'UNAVAILABLE', reason, message, details: expect.objectContaining({ address }) },
    });
    expect(stderr.trim().split('\n').at(-1)).toBe(`weft: ${message} (${reason})`);
    expect(code).toBe(3);
  };

  const call = ['call', 'echo', 'Say', '{"text":"x"}'];
  const publish = ['--service', 'test.echo.v1.EchoService', '--price', 'Say=1', '--title', 'x'];
  const settled = async () => (await market.wallet.channels()).reduce((sum, channel) => sum + channel.settled, 0n);

  it('is none at first', async () => {
    expect(await weft(...call)).toMatchObject({ code: 0, json: { amount: '100' } });
    expect(await weft('runs')).toMatchObject({ code: 0, json: { runs: [] } });
  });

  it('the wallet: nothing is paid', async () => {
    const { home } = market;
    const lost = join(home, 'lost');
    await writeMarketplace(lost, { ...market.marketplace, wallet: nowhere, walletTokenFile: '../wallet/spend.token' });
    const before = await settled();
    for (const argv of [call, ['balance']])
      expectDown(await weft('--home', lost, ...argv), 'WALLET_UNAVAILABLE', nowhere);
    expect(await settled()).toBe(before);
  });

  it('Temporal: said within two seconds, and nothing else is hurt', async () => {
    await temporal.stop();
    const key = readSecret(firstKeyFile(gatewayFolder(market.home)));
    const startedAtMs = Date.now();
    const asked = new GatewayClient(gateway.url, key).get('/v1/runs');
    await expect(asked).rejects.toMatchObject({ reason: 'TEMPORAL_UNAVAILABLE' });
    expect(Date.now() - startedAtMs).toBeLessThan(2_000);
    for (const argv of [['runs'], ['run', 'intake', '-i', 'image=@examples/scan.png', '--max-total', '9']])
      expectDown(await weft(...argv), 'TEMPORAL_UNAVAILABLE', temporal.address);
    const worker = await weft('worker', 'examples/mood-of-a-scan.workflow.ts');
    expectDown(worker, 'TEMPORAL_UNAVAILABLE', temporal.address);
    expect(await weft(...call)).toMatchObject({ code: 0, json: { amount: '100' } });
  });

  it('the chain: what must be held against it is not done', async () => {
    await market.chain.stop();
    const before = await settled();
    const { address } = market.echo.app;
    for (const argv of [
      ['describe', 'echo'],
      call,
      ['claim'],
      ['publish', ...publish, '--endpoint', `grpc://${address}`],
    ])
      expectDown(await weft(...argv), 'CHAIN_UNAVAILABLE', market.chain.rpcUrl);
    expect(await weft('services')).toMatchObject({ code: 0 });
    expect(await settled()).toBe(before);
  });

  it('the registry', async () => {
    const { registry } = market.market;
    await registry.close();
    for (const argv of [['services'], call]) expectDown(await weft(...argv), 'REGISTRY_UNAVAILABLE', registry.address);
  });

  it('the gateway', async () => {
    await stopGateway();
    for (const argv of [['runs'], ['run', 'intake']])
      expectDown(await weft(...argv), 'GATEWAY_UNAVAILABLE', gateway.url);
  });
});
