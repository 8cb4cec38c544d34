/** A provider in a process of its own: chain, durable database, the same echo paid and unpaid. Says where, then stays. */
import { join } from 'node:path';
import { startGrpcApp } from '#platform/grpc/start-grpc-app.js';
import { startPostgres } from '#platform/local/postgres.js';
import { startChain } from '../support/chain.js';
import { EchoDefinition, echoDescriptors, echoHandlers, echoModule } from '../support/echo-service.js';
import { publishEcho, startPaidService } from '../support/paid-service.js';
import { tempDir } from '../support/temp-dir.js';

export interface EchoProvider {
  readonly rpcUrl: string;
  readonly deployment: Record<string, string>;
  /** An empty database on the same durable server, for the payer. */
  readonly payerDatabase: string;
  readonly payerKey: string;
  readonly asset: string;
  readonly listing: string;
  readonly operator: string;
  readonly paid: string;
  readonly unpaid: string;
}

const PAYER_FUNDS = 10n ** 15n;

globalThis.weftOnEnd = [];
const postgres = await startPostgres({ dir: join(tempDir(), 'postgres') });
const chain = await startChain();
const echo = await publishEcho(chain);
const service = await startPaidService({ chain, databaseUrl: await postgres.createDatabase('provider'), ...echo });
const unpaid = await startGrpcApp({
  module: echoModule(echoHandlers()),
  definitions: [EchoDefinition],
  descriptorSet: echoDescriptors,
});
const payer = chain.account(2);
await chain.fund(payer, PAYER_FUNDS);
const said: EchoProvider = {
  rpcUrl: chain.rpcUrl,
  deployment: Object.fromEntries(Object.entries(chain.deployment).map(([key, value]) => [key, String(value)])),
  payerDatabase: await postgres.createDatabase('payer'),
  payerKey: payer.privateKey,
  asset: String(echo.asset),
  listing: service.digest.toString('hex'),
  operator: service.operator.address.toString('hex'),
  paid: service.app.address,
  unpaid: unpaid.address,
};
console.log(`ready ${JSON.stringify(said)}`);
// The texts of calls are kept for tests; here there are too many.
setInterval(() => service.calls.splice(0), 100);
process.on('SIGTERM', async () => {
  await unpaid.close();
  await service.stop();
  await chain.stop();
  await postgres.stop();
  for (const end of globalThis.weftOnEnd.reverse()) await end();
  process.exit(0);
});
