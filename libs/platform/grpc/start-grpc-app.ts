import 'reflect-metadata';
import type { Http2Server } from 'node:http2';
import { type ChannelOptions, Server, ServerCredentials, type ServerInterceptor } from '@grpc/grpc-js';
import type { INestMicroservice, LoggerService, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type MicroserviceOptions, ServerGrpc } from '@nestjs/microservices';
import { map } from 'rxjs';
import type { ServiceDefinition } from '#core/service-definition.js';
import { HealthDefinition } from '#protos/grpc/health/v1/health.js';
import { ServerReflectionDefinition } from '#protos/grpc/reflection/v1/reflection.js';
import { loadDescriptorSet } from './descriptor-set.js';
import { ErrorStatusFilter, refuseUnreadable } from './error-status.js';
import { guardConnections } from './guard-connections.js';
import { Health } from './health.js';
import { reflectionServices } from './reflection.js';
import { toGrpcDefinition } from './service-definition.js';

export interface GrpcAppOptions {
  /** The Nest module whose controllers carry `@GrpcMethod('OcrService', 'Recognize')`, or a dynamic module. */
  readonly module: Type | object;
  readonly definitions: readonly ServiceDefinition[];
  /** Those of `definitions` whose messages pass as bytes; one of `interceptors` decodes and encodes them. */
  readonly raw?: readonly ServiceDefinition[];
  /** Nearest to the wire first. */
  readonly interceptors?: readonly ServerInterceptor[];
  readonly host?: string;
  /** 0, the default, asks the system for a free one. */
  readonly port?: number;
  readonly credentials?: ServerCredentials;
  readonly maxMessageBytes?: number;
  /** Where requests are smaller than answers. */
  readonly maxRequestBytes?: number;
  readonly maxStreamsPerConnection?: number;
  /** Of one connection, beyond what its calls need: for services that take streams of small requests. Default 0. */
  readonly smallFramesPerSec?: number;
  /** What reflection shows of services that are not among our own protos. */
  readonly descriptorSet?: Uint8Array;
  /** Default: warnings and errors only. */
  readonly logger?: LoggerService;
  /** How long calls in flight may go on after `close()`. */
  readonly graceMs?: number;
}

export interface GrpcApp {
  /** "127.0.0.1:50051" */
  readonly address: string;
  readonly port: number;
  readonly app: INestMicroservice;
  readonly health: Health;
  /** Refuses new calls, waits up to `graceMs` for those in flight, then ends them. */
  close(): Promise<void>;
}

/** Serves a Nest module over gRPC, with health, reflection and errors as every Weft server has them. */
export async function startGrpcApp(options: GrpcAppOptions): Promise<GrpcApp> {
  const transport = new WeftServer(options);
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(options.module, {
    strategy: transport,
    logger: options.logger ?? ['warn', 'error', 'fatal'],
    abortOnError: false,
  });
  app.useGlobalFilters(new ErrorStatusFilter());
  try {
    await app.listen();
  } catch (error) {
    await app.close();
    throw error;
  }
  return {
    address: `${transport.host}:${transport.port}`,
    port: transport.port,
    app,
    health: transport.health,
    close: () => app.close(),
  };
}

/** Nest's gRPC transport on a server of ours: Nest itself hides the port and mounts nothing beside controllers. */
class WeftServer extends ServerGrpc {
  readonly host: string;
  readonly health: Health;
  port = 0;
  private server?: Server;

  constructor(private readonly settings: GrpcAppOptions) {
    super({
      package: '',
      // Nest loads this at once, though it parses no .proto with it: its default makes code from strings when loaded.
      protoLoader: '@grpc/grpc-js',
      packageDefinition: Object.fromEntries(
        settings.definitions.map((each) => [each.fullName, toGrpcDefinition(each, settings.raw?.includes(each))]),
      ),
    });
    this.host = settings.host ?? '127.0.0.1';
    this.health = new Health(settings.definitions.map((each) => each.fullName));
  }

  override async createClient(): Promise<Server> {
    const server = new GuardedServer(serverOptions(this.settings), this.settings.smallFramesPerSec ?? 0);
    this.server = server;
    const names = [...this.settings.definitions, HealthDefinition, ServerReflectionDefinition].map((d) => d.fullName);
    server.addService(toGrpcDefinition(HealthDefinition), this.health.handlers);
    // Descriptor sets written one after the other are one set; a later file of the same name wins.
    const set = Buffer.concat([loadDescriptorSet(), this.settings.descriptorSet ?? Buffer.alloc(0)]);
    for (const { definition, handlers } of reflectionServices(set, names)) server.addService(definition, handlers);
    return server;
  }

  /** Binds only once every handler is mounted, so that no early call meets a half-built server. */
  override async bindEvents(): Promise<void> {
    await super.bindEvents();
    const { credentials = ServerCredentials.createInsecure(), port = 0 } = this.settings;
    const address = `${this.host.includes(':') ? `[${this.host}]` : this.host}:${port}`;
    this.port = await new Promise<number>((resolve, reject) => {
      this.server?.bindAsync(address, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
    });
  }

  // biome-ignore lint/suspicious/noExplicitAny: Nest's own signature
  override async createService(grpcService: any, name: string): Promise<object> {
    const service = await super.createService(grpcService, name);
    const missing = Object.keys(grpcService.service).filter((method) => !(method in service));
    if (missing.length > 0) throw new Error(`${name} has no handler for ${missing.join(', ')}`);
    return service;
  }

  /** Controllers may name a service shortly; Nest passes its full name, because it looks from the root package. */
  override getMessageHandler(...[service, ...rest]: Parameters<ServerGrpc['getMessageHandler']>) {
    return super.getMessageHandler(service.slice(service.lastIndexOf('.') + 1), ...rest);
  }

  /** A null would end the whole process, being what ends Node's streams; `false` is refused as the message that it is not. */
  override createStreamServiceMethod(handler: (...args: unknown[]) => unknown) {
    return super.createStreamServiceMethod(async (...args: unknown[]) =>
      this.transformToObservable(await handler(...args)).pipe(map((message: unknown) => message ?? false)),
    );
  }

  override async close(): Promise<void> {
    const server = this.server;
    if (server === undefined) return;
    this.server = undefined;
    this.health.close();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        server.forceShutdown();
        resolve();
      }, this.settings.graceMs ?? 5_000);
      server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

const mebibyte = 1024 * 1024;

/** grpc-js shows nobody the HTTP/2 servers that it makes, so this takes hold of them where they are made. */
class GuardedServer extends Server {
  constructor(options: ChannelOptions, smallFramesPerSec: number) {
    super(options);
    const inner = this as unknown as { createHttp2Server(credentials: ServerCredentials): Http2Server };
    const make = inner.createHttp2Server.bind(this);
    inner.createHttp2Server = (credentials) => {
      const server = make(credentials);
      guardConnections(server, Number(options['grpc.max_receive_message_length']), smallFramesPerSec);
      return server;
    };
  }
}

function serverOptions(options: GrpcAppOptions): ChannelOptions {
  const maxBytes = options.maxMessageBytes ?? 16 * mebibyte;
  return {
    interceptors: [...(options.interceptors ?? []), refuseUnreadable],
    'grpc.max_receive_message_length': options.maxRequestBytes ?? maxBytes,
    'grpc.max_send_message_length': maxBytes,
    'grpc.max_concurrent_streams': options.maxStreamsPerConnection ?? 256,
    'grpc.keepalive_time_ms': 60_000,
    'grpc.keepalive_timeout_ms': 20_000,
    'grpc.so_reuseport': 0,
  } as ChannelOptions;
}
