import { createServer } from 'node:http';
import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import { statusName } from '#core/status.js';

/** A registry of one app, with the process's own figures in it. */
export function createMetrics(app: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ app });
  collectDefaultMetrics({ register: registry });
  return registry;
}

export interface MetricsServerOptions {
  readonly registry: Registry;
  readonly host?: string;
  /** 0, the default, asks the system for a free one. */
  readonly port?: number;
  /** What /healthz answers 200 or 503 by. */
  readonly isHealthy?: () => boolean | Promise<boolean>;
}

export interface MetricsServer {
  /** "http://127.0.0.1:9464" */
  readonly url: string;
  close(): Promise<void>;
}

/** Serves GET /metrics (Prometheus text) and GET /healthz. */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const { registry, host = '127.0.0.1', port = 0, isHealthy = () => true } = options;
  const server = createServer(async (request, response) => {
    const [status, type, body] = await answer(request.url ?? '').catch((error) => [500, 'text/plain', error.name]);
    response.writeHead(status, { 'content-type': type }).end(body);
  });
  const answer = async (path: string): Promise<[number, string, string]> => {
    if (path === '/metrics') return [200, registry.contentType, await registry.metrics()];
    if (path !== '/healthz') return [404, 'text/plain', 'not found'];
    return (await isHealthy()) ? [200, 'text/plain', 'ok'] : [503, 'text/plain', 'not serving'];
  };
  const bound = await new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve((server.address() as { port: number }).port));
  });
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Of an app's calls: how many there were and how long they took, by method ("/package.Service/Method") and status. */
export const callTimes = (registry: Registry): Histogram<'method' | 'code'> =>
  new Histogram({
    name: 'weft_rpc_duration_seconds',
    help: 'Time from a call’s metadata to its status',
    labelNames: ['method', 'code'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });

/** Measures every call of a server. */
export function measureCalls(seconds: Histogram<'method' | 'code'>): ServerInterceptor {
  return (method, call) => {
    const stop = seconds.startTimer({ method: method.path });
    let done = false;
    const end = (code: number) => {
      if (!done) stop({ code: statusName(code) });
      done = true;
    };
    return new ServerInterceptingCall(call, {
      start: (next) => next({ onCancel: () => end(1) }),
      sendStatus: (status, send) => {
        end(status.code ?? 0);
        send(status);
      },
    });
  };
}
