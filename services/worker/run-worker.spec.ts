import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeMarketplace } from '#client/marketplace.js';
import { connectTemporal } from '#client/temporal/connect-temporal.js';
import { createLogger } from '#platform/logging.js';
import { marketplaceOf, nowhere } from '#test/support/nowhere.js';
import { quietTemporal } from '#test/support/quiet-temporal.js';
import { tempDir } from '#test/support/temp-dir.js';
import { runWorker } from './run-worker.js';

describe('starting a worker', () => {
  const logger = createLogger({ name: 'worker', level: 'silent' });
  let home: string;

  beforeAll(quietTemporal);
  beforeEach(async () => {
    home = tempDir();
    await writeMarketplace(home, marketplaceOf({ walletTokenFile: 'token' }));
    writeFileSync(join(home, 'token'), 'secret');
  });

  it('says that Temporal is down, where it was looked for, and how to start it', async () => {
    await expect(runWorker({ home, logger })).rejects.toMatchObject({
      reason: 'TEMPORAL_UNAVAILABLE',
      message: expect.stringMatching(/npm start/),
      details: { address: nowhere },
    });
  });

  it('says the same to whoever wants to start a run', async () => {
    const options = { address: nowhere, namespace: 'default', payloads: { folder: home } };
    await expect(connectTemporal(options)).rejects.toMatchObject({ reason: 'TEMPORAL_UNAVAILABLE' });
  });

  it('says that there is no marketplace', async () => {
    await expect(runWorker({ home: join(home, 'none'), logger })).rejects.toMatchObject({ reason: 'CONFIG_INVALID' });
  });

  it('says what is wrong with a file of workflows, before it connects to anything', async () => {
    const file = join(home, 'mine.ts');
    await expect(runWorker({ home, logger, file })).rejects.toMatchObject({
      reason: 'INVALID_INPUT',
      details: { field: 'file' },
      message: expect.stringContaining('mine.ts'),
    });
    writeFileSync(file, 'export const broken = ;');
    await expect(runWorker({ home, logger, file })).rejects.toMatchObject({
      reason: 'INVALID_INPUT',
      message: expect.stringMatching(/mine\.ts/),
    });
  });
});
