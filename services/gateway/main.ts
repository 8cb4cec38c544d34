import { readMarketplace } from '#client/marketplace.js';
import { loadConfig } from '#platform/config.js';
import { weftHome } from '#platform/home.js';
import { nestLogger } from '#platform/logging.js';
import { runApp } from '#platform/run-app.js';
import { gatewayConfig } from './gateway-config.js';
import { startGateway } from './start-gateway.js';

await runApp('gateway', async (logger) => {
  const home = weftHome();
  const gateway = await startGateway(home, await readMarketplace(home), loadConfig(gatewayConfig), nestLogger(logger));
  return { ready: { url: gateway.url }, close: gateway.close };
});
