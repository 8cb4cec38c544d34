import { type ServerUnaryCall, type ServerWritableStream, type sendUnaryData, status } from '@grpc/grpc-js';
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus as Serving,
} from '#protos/grpc/health/v1/health.js';

type WatchStream = ServerWritableStream<HealthCheckRequest, HealthCheckResponse>;

/** grpc.health.v1 of one server. The empty name stands for the whole server: it serves when all services do. */
export class Health {
  private readonly serving = new Map<string, boolean>();
  private closed = false;
  private readonly watchers = new Map<WatchStream, { service: string; last: Serving }>();

  constructor(services: readonly string[]) {
    for (const service of services) this.serving.set(service, true);
  }

  set(service: string, serving: boolean): void {
    if (!this.serving.has(service)) throw new Error(`${service} is not mounted here`);
    this.serving.set(service, serving);
    for (const stream of this.watchers.keys()) this.tell(stream);
  }

  /** Nothing serves any more, and watchers are let go, so that the server can end. */
  close(): void {
    this.closed = true;
    for (const service of [...this.serving.keys()]) this.set(service, false);
    for (const stream of [...this.watchers.keys()]) this.letGo(stream);
  }

  readonly handlers = {
    Check: (
      call: ServerUnaryCall<HealthCheckRequest, HealthCheckResponse>,
      done: sendUnaryData<HealthCheckResponse>,
    ): void => {
      const found = this.statusOf(call.request.service);
      if (found === Serving.SERVICE_UNKNOWN)
        done({ code: status.NOT_FOUND, details: `unknown service ${call.request.service}` });
      else done(null, { status: found });
    },
    Watch: (stream: WatchStream): void => {
      this.watchers.set(stream, { service: stream.request.service, last: Serving.UNKNOWN });
      stream.on('cancelled', () => this.letGo(stream));
      this.tell(stream);
      if (this.closed) this.letGo(stream);
    },
  };

  private letGo(stream: WatchStream): void {
    this.watchers.delete(stream);
    stream.end();
  }

  private tell(stream: WatchStream): void {
    const watcher = this.watchers.get(stream);
    if (watcher === undefined) return;
    const now = this.statusOf(watcher.service);
    if (now === watcher.last) return;
    watcher.last = now;
    stream.write({ status: now });
  }

  private statusOf(service: string): Serving {
    const serving = service === '' ? [...this.serving.values()].every(Boolean) : this.serving.get(service);
    if (serving === undefined) return Serving.SERVICE_UNKNOWN;
    return serving ? Serving.SERVING : Serving.NOT_SERVING;
  }
}
