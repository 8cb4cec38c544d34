import { BodyStore } from '#payments/provider/body-store.js';
import { ProviderLedger } from '#payments/provider/provider-ledger.js';
import { createDatabase } from './database.js';
import { openProviderDatabase } from './paid-service.js';
import { tempDir } from './temp-dir.js';

/** An empty ledger of a provider, in a database of its own, for tests that need no chain. End its `pool`. */
export async function openProviderLedger() {
  const pool = await openProviderDatabase(await createDatabase());
  const ledger = await ProviderLedger.open(pool, new BodyStore(tempDir()), {
    chainId: 1n,
    escrow: new Uint8Array(20),
    birth: async () => ({ blockNumber: 1, atSec: 1 }),
  });
  return { pool, ledger };
}
