import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { connectTemporal, payloadsOf, readMarketplace, runMemo } from 'weft/client';

const home = process.env['WEFT_HOME'] ?? '.weft';
const marketplace = await readMarketplace(home);
const client = await connectTemporal({ ...marketplace.temporal, payloads: payloadsOf(home, marketplace) });
const mood = await client.workflow.execute('moodOfAScan', {
  taskQueue: 'mood-of-a-scan',
  workflowId: randomUUID(),
  args: [new Uint8Array(await readFile(process.argv[2] ?? 'examples/scan.png'))],
  memo: runMemo(20_000n), // the run fails before its first payment if it could cost more
});
console.log(mood);
await client.connection.close();
