import { readMarketplace } from '#client/marketplace.js';
import { loadConfig } from '#platform/config.js';
import { weftHome } from '#platform/home.js';
import { nestLogger } from '#platform/logging.js';
import { createMetrics, startMetricsServer } from '#platform/metrics.js';
import { runApp } from '#platform/run-app.js';
import { startWallet } from './start-wallet.js';
import { walletConfig } from './wallet-config.js';

await runApp('wallet', async (logger) => {
  const home = weftHome();
  const config = loadConfig(walletConfig);
  const metrics = createMetrics('wallet');
  const marketplace = await readMarketplace(home);
  const app = await startWallet({ home, marketplace, config, metrics, logger: nestLogger(logger) });
  const metricsServer = await startMetricsServer({
    registry: metrics,
    port: config.WEFT_METRICS_PORT,
    isHealthy: () => app.wallet.figures().isWritable,
  });
  return {
    ready: { address: app.address, payer: app.wallet.payerAddress, metrics: metricsServer.url },
    async close() {
      await app.close();
      await metricsServer.close();
    },
  };
});
