import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { WeftError } from '#core/errors.js';
import { connect } from '#payments/rpc/connect.js';
import { callRaw } from '#payments/rpc/raw-call.js';
import { typedClient } from '#payments/rpc/typed-client.js';
import {
  IdentifyResponse,
  LanguageServiceDefinition,
  ListLanguagesResponse,
} from '#protos/models/language/v1/language.js';
import { type GrpcApp, startGrpcApp } from './grpc/start-grpc-app.js';
import { callTimes, createMetrics, type MetricsServer, measureCalls, startMetricsServer } from './metrics.js';

@Controller()
class TestController {
  @GrpcMethod('LanguageService', 'Identify')
  identify(request: { text: string }): IdentifyResponse {
    if (request.text === '') throw new WeftError('EMPTY_TEXT', 'text is empty');
    return IdentifyResponse.fromPartial({});
  }

  @GrpcMethod('LanguageService', 'ListLanguages')
  listLanguages(): ListLanguagesResponse {
    return ListLanguagesResponse.fromPartial({});
  }
}

@Module({ controllers: [TestController] })
class TestModule {}

describe('metrics', () => {
  let healthy = true;
  let app: GrpcApp;
  let server: MetricsServer;
  const get = async (path: string) => {
    const response = await fetch(server.url + path, { headers: { connection: 'close' } });
    return { status: response.status, text: await response.text() };
  };

  beforeAll(async () => {
    const registry = createMetrics('demo');
    app = await startGrpcApp({
      module: TestModule,
      definitions: [LanguageServiceDefinition],
      interceptors: [measureCalls(callTimes(registry))],
    });
    server = await startMetricsServer({ registry, isHealthy: () => healthy });
  });
  afterAll(async () => {
    await server.close();
    await app.close();
  });

  it('counts calls by method and status, and nothing that a stranger names', async () => {
    const client = connect(app.address);
    const language = typedClient(LanguageServiceDefinition, client);
    await language.identify({ text: 'hello' });
    await language.identify({ text: 'world' });
    await language.identify({}).catch(() => {});
    await callRaw(client, '/made.up/Name', Buffer.alloc(0));
    client.close();
    const { text } = await get('/metrics');
    const count = (code: string) =>
      `weft_rpc_duration_seconds_count{app="demo",method="/models.language.v1.LanguageService/Identify",code="${code}"}`;
    expect(text).toContain(`${count('OK')} 2\n`);
    expect(text).toContain(`${count('INVALID_ARGUMENT')} 1\n`);
    expect(text).not.toContain('made.up');
    expect(text).toContain('process_resident_memory_bytes{app="demo"}');
  });

  it('answers health, and 404 to anything else', async () => {
    expect(await get('/healthz')).toEqual({ status: 200, text: 'ok' });
    healthy = false;
    expect(await get('/healthz')).toEqual({ status: 503, text: 'not serving' });
    expect((await get('/other')).status).toBe(404);
  });
});
