/**
 * A chain, a durable database, the same echo paid and unpaid, and a payer's wallet process: everything but the program
 * that calls, in processes of their own.
 */
import { join } from 'node:path';
import { startGrpcApp } from '#platform/grpc/start-grpc-app.js';
import { startPostgres } from '#platform/local/postgres.js';
import { startChain } from '../support/chain.js';
import { EchoDefinition, echoDescriptors, echoHandlers, echoModule } from '../support/echo-service.js';
import { onEnd } from '../support/on-end.js';
import { publishEcho, startPaidService } from '../support/paid-service.js';
import { tempDir } from '../support/temp-dir.js';
import { giveMoney, startWalletProcess, tokenIn, walletHome } from '../support/wallet-process.js';
import { staying } from './ending.js';

export interface EchoProvider {
  readonly rpcUrl: string;
  readonly deployment: Record<string, string>;
  /** An empty database on the same durable server, for the embedded wallet. */
  readonly payerDatabase: string;
  readonly payerKey: string;
  readonly walletProcess: { readonly address: string; readonly token: string };
  readonly asset: string;
  readonly listing: string;
  readonly operator: string;
  readonly paid: string;
  readonly unpaid: string;
}

const PAYER_FUNDS = 10n ** 15n;

await staying(async (): Promise<EchoProvider> => {
  const postgres = await startPostgres({ dir: join(tempDir(), 'postgres') });
  onEnd(() => postgres.stop());
  const chain = await startChain();
  onEnd(() => chain.stop());
  const echo = await publishEcho(chain);
  const service = await startPaidService({ chain, databaseUrl: await postgres.createDatabase('provider'), ...echo });
  onEnd(() => service.stop());
  // The texts of calls are kept for tests; here there are too many.
  setInterval(() => service.calls.splice(0), 100).unref();
  const unpaid = await startGrpcApp({
    module: echoModule(echoHandlers()),
    definitions: [EchoDefinition],
    descriptorSet: echoDescriptors,
  });
  onEnd(() => unpaid.close());
  const payer = chain.account(2);
  await chain.fund(payer, PAYER_FUNDS);
  const home = await walletHome(chain);
  const wallet = await startWalletProcess(home, { DATABASE_URL: await postgres.createDatabase('wallet') });
  onEnd(() => wallet.process.stop());
  await giveMoney(chain, wallet.payer, PAYER_FUNDS);
  return {
    rpcUrl: chain.rpcUrl,
    deployment: Object.fromEntries(Object.entries(chain.deployment).map(([key, value]) => [key, String(value)])),
    payerDatabase: await postgres.createDatabase('payer'),
    payerKey: payer.privateKey,
    walletProcess: { address: wallet.address, token: tokenIn(home, 'spend').trim() },
    asset: String(echo.asset),
    listing: service.digest.toString('hex'),
    operator: service.operator.address.toString('hex'),
    paid: service.app.address,
    unpaid: unpaid.address,
  };
});
