/** A Temporal worker as one would write it without Weft: its one activity makes the call unpaid. */
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { connect } from '#payments/rpc/connect.js';
import { callRaw } from '#payments/rpc/raw-call.js';
import { onEnd } from '../support/on-end.js';
import { EXTRACT } from '../support/paid-words.js';
import { staying } from './ending.js';

export interface BareActivities {
  extract(request: Uint8Array): Promise<Uint8Array>;
}

const [temporal = '', service = '', taskQueue = '', workflowsPath = ''] = process.argv.slice(2);

await staying(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const client = connect(service);
  onEnd(() => client.close());
  const activities: BareActivities = {
    async extract(request) {
      const reply = await callRaw(client, `/${EXTRACT}`, request, { deadlineMs: 30_000 });
      if (reply.error) throw reply.error;
      return reply.bytes as Uint8Array;
    },
  };
  const connection = await NativeConnection.connect({ address: temporal });
  onEnd(() => connection.close());
  const worker = await Worker.create({
    connection,
    taskQueue,
    workflowsPath,
    activities: { ...activities },
    bundlerOptions: {
      webpackConfigHook: (config) => ({
        ...config,
        resolve: { ...config.resolve, conditionNames: ['source', 'webpack', 'import', 'require', 'node', 'default'] },
      }),
    },
  });
  const ended = worker.run();
  onEnd(async () => {
    worker.shutdown();
    await ended;
  });
  return {};
});
