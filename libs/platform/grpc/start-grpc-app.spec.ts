import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import {
  type Client,
  logVerbosity,
  Metadata,
  ServerInterceptingCall,
  type ServerInterceptor,
  setLogVerbosity,
  status,
} from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { from, type Observable } from 'rxjs';
import { WeftError } from '#core/errors.js';
import { methodPath } from '#core/service-definition.js';
import { connect } from '#payments/rpc/connect.js';
import { callRaw } from '#payments/rpc/raw-call.js';
import { typedClient } from '#payments/rpc/typed-client.js';
import { HealthDefinition, HealthCheckResponse_ServingStatus as Serving } from '#protos/grpc/health/v1/health.js';
import {
  ServerReflectionDefinition,
  ServerReflectionRequest,
  ServerReflectionResponse,
} from '#protos/grpc/reflection/v1/reflection.js';
import { OcrServiceDefinition, RecognizeRequest, RecognizeResponse } from '#protos/models/ocr/v1/ocr.js';
import { RegistryServiceDefinition, WatchResponse } from '#protos/weft/registry/v1/registry.js';
import { GetAccountResponse, WalletServiceDefinition } from '#protos/weft/wallet/v1/wallet.js';
import { onEnd } from '#test/support/on-end.js';
import { loadDescriptorSet } from './descriptor-set.js';
import { type GrpcApp, startGrpcApp } from './start-grpc-app.js';

const recognized = RecognizeResponse.fromPartial({ text: 'page', lines: [{ text: 'page', confidence: 0.5 }] });
/** Its file imports another. */
const accountOnly = { ...WalletServiceDefinition, methods: { getAccount: WalletServiceDefinition.methods.getAccount } };
const watchOnly = { ...RegistryServiceDefinition, methods: { watch: RegistryServiceDefinition.methods.watch } };

@Controller()
class TestController {
  @GrpcMethod('OcrService', 'Recognize')
  async recognize(request: RecognizeRequest): Promise<RecognizeResponse> {
    const word = Buffer.from(request.image).toString();
    if (word === 'refuse') throw new WeftError('BAD_IMAGE', 'image is not a picture', { field: 'image' });
    if (word === 'crash') throw new Error('canary-7f3 in the stack');
    if (word === 'sparse') return { text: 'only' } as never;
    if (word === 'hang') return new Promise(() => {});
    return { ...recognized, text: word };
  }

  @GrpcMethod('WalletService', 'GetAccount')
  getAccount(): GetAccountResponse {
    return GetAccountResponse.fromPartial({});
  }

  @GrpcMethod('RegistryService', 'Watch')
  watch(): Observable<WatchResponse> {
    return from(flow());
  }
}

async function* threeThenRefuse() {
  for (let i = 0; i < 3; i++) yield WatchResponse.fromPartial({});
  throw new WeftError('OVERLOADED', 'enough');
}

async function* oneThenNull() {
  yield WatchResponse.fromPartial({});
  yield null as never;
}

let flow: () => AsyncGenerator<WatchResponse> = threeThenRefuse;

@Module({ controllers: [TestController] })
class TestModule {}

const recognizePath = methodPath(OcrServiceDefinition, OcrServiceDefinition.methods.recognize);

describe('startGrpcApp', () => {
  let server: GrpcApp;
  let client: Client;

  beforeAll(async () => {
    server = await startGrpcApp({
      module: TestModule,
      definitions: [OcrServiceDefinition, watchOnly, accountOnly],
      maxMessageBytes: 100_000,
      logger: silent,
    });
    client = connect(server.address);
  });
  afterAll(async () => {
    client.close();
    await server.close();
  });

  const ocr = () => typedClient(OcrServiceDefinition, client);

  const watched = async () => {
    let count = 0;
    try {
      for await (const _ of typedClient(watchOnly, client).watch({})) count++;
      return { count };
    } catch (error) {
      return { count, error };
    }
  };

  it('answers a typed call on a port that the system chose', async () => {
    const answer = await ocr().recognize({ image: Buffer.from('hello') });
    expect(answer).toEqual({ ...recognized, text: 'hello' });
    expect(server.address).toBe(`127.0.0.1:${server.port}`);
  });

  it('hands a WeftError to the caller with reason and details', async () => {
    await expect(ocr().recognize({ image: Buffer.from('refuse') })).rejects.toMatchObject({
      reason: 'BAD_IMAGE',
      code: 'INVALID_ARGUMENT',
      message: 'image is not a picture',
      details: { field: 'image' },
    });
  });

  it('T40 answers an unknown error with a reference and nothing of its text', async () => {
    logged.length = 0;
    const error = await ocr()
      .recognize({ image: Buffer.from('crash') })
      .catch((each) => each);
    expect(error).toMatchObject({ reason: 'INTERNAL', message: expect.stringMatching(/\(reference [0-9a-f]{8}\)$/) });
    expect(JSON.stringify(error) + error.message).not.toContain('canary-7f3');
    expect(logged).toContainEqual(expect.objectContaining({ reference: error.details.reference }));
  });

  it('refuses request bytes that are not the message', async () => {
    const { error } = await callRaw(client, recognizePath, Buffer.from([0x0a, 0xff]));
    expect(error).toMatchObject({ reason: 'INVALID_INPUT', details: { method: 'models.ocr.v1.OcrService/Recognize' } });
  });

  it('refuses a message above the limit', async () => {
    const { code } = await callRaw(client, recognizePath, Buffer.alloc(100_001));
    expect(code).toBe(status.RESOURCE_EXHAUSTED);
  });

  it('refuses an unknown method', async () => {
    const { error } = await callRaw(client, '/models.ocr.v1.OcrService/Nothing', Buffer.alloc(0));
    expect(error).toMatchObject({ reason: 'UNKNOWN_METHOD' });
  });

  it('ends a call at its deadline and at its signal', async () => {
    const hang = RecognizeRequest.encode({ image: Buffer.from('hang') }).finish();
    const late = await callRaw(client, recognizePath, hang, { deadlineMs: 50 });
    expect(late.error).toMatchObject({ reason: 'DEADLINE' });
    const stopped = await callRaw(client, recognizePath, hang, { signal: AbortSignal.timeout(50) });
    expect(stopped.error).toMatchObject({ reason: 'CANCELLED' });
    const never = await callRaw(client, recognizePath, hang, { signal: AbortSignal.abort() });
    expect(never.error).toMatchObject({ reason: 'CANCELLED' });
  });

  it('streams messages, then the error that ended them', async () => {
    expect(await watched()).toMatchObject({ count: 3, error: { reason: 'OVERLOADED', message: 'enough' } });
  });

  it('I8 breaks off a stream of which a message is null, and serves the next', async () => {
    flow = oneThenNull;
    expect((await watched()).error).toMatchObject({ reason: 'SERVICE_FAILED' });
    flow = threeThenRefuse;
    expect(await watched()).toMatchObject({ count: 3, error: { reason: 'OVERLOADED' } });
  });

  it('fills in what an answer leaves out', async () => {
    expect(await ocr().recognize({ image: Buffer.from('sparse') })).toEqual(
      RecognizeResponse.fromPartial({ text: 'only' }),
    );
  });

  it('says who is not there', async () => {
    const nobody = connect('127.0.0.1:1');
    await expect(typedClient(OcrServiceDefinition, nobody).recognize({})).rejects.toMatchObject({
      reason: 'SERVICE_UNAVAILABLE',
    });
    nobody.close();
  });

  it('refuses to start when a method has no handler', async () => {
    const start = startGrpcApp({ module: TestModule, definitions: [RegistryServiceDefinition], logger: silent });
    await expect(start).rejects.toThrow('RegistryService has no handler for Publish');
  });

  it('refuses to start on a port that is taken', async () => {
    setLogVerbosity(logVerbosity.NONE);
    onEnd(() => setLogVerbosity(logVerbosity.ERROR));
    const start = startGrpcApp({
      module: TestModule,
      definitions: [OcrServiceDefinition],
      port: server.port,
      logger: silent,
    });
    await expect(start).rejects.toThrow(/EADDRINUSE/);
  });

  describe('health', () => {
    const health = () => typedClient(HealthDefinition, client);

    it('follows what the app says of each service', async () => {
      const service = OcrServiceDefinition.fullName;
      expect((await health().check({ service })).status).toBe(Serving.SERVING);
      server.health.set(service, false);
      expect((await health().check({ service })).status).toBe(Serving.NOT_SERVING);
      expect((await health().check({})).status).toBe(Serving.NOT_SERVING);
      expect((await health().check({ service: watchOnly.fullName })).status).toBe(Serving.SERVING);
      server.health.set(service, true);
      expect((await health().check({})).status).toBe(Serving.SERVING);
      await expect(health().check({ service: 'other' })).rejects.toMatchObject({ reason: 'NOT_FOUND' });
    });

    it('tells watchers of a change', async () => {
      const changes = health().watch({ service: watchOnly.fullName })[Symbol.asyncIterator]();
      expect((await changes.next()).value?.status).toBe(Serving.SERVING);
      server.health.set(watchOnly.fullName, false);
      expect((await changes.next()).value?.status).toBe(Serving.NOT_SERVING);
      server.health.set(watchOnly.fullName, true);
      await changes.return?.();
    });
  });

  describe('reflection', () => {
    const set = fromBinary(FileDescriptorSetSchema, loadDescriptorSet());
    const ask = async (version: string, request: Partial<ServerReflectionRequest>) => {
      const call = client.makeBidiStreamRequest(
        `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
        (value: ServerReflectionRequest) => Buffer.from(ServerReflectionRequest.encode(value).finish()),
        ServerReflectionResponse.decode,
        new Metadata(),
      );
      call.write(ServerReflectionRequest.fromPartial(request));
      call.end();
      for await (const answer of call) return answer as ServerReflectionResponse;
      throw new Error('no answer');
    };

    it.each(['v1', 'v1alpha'])('%s lists what is mounted and nothing else', async (version) => {
      const { listServicesResponse } = await ask(version, { listServices: '' });
      expect(listServicesResponse?.service.map(({ name }) => name)).toEqual([
        HealthDefinition.fullName,
        ServerReflectionDefinition.fullName,
        OcrServiceDefinition.fullName,
        watchOnly.fullName,
        accountOnly.fullName,
      ]);
      const hidden = await ask(version, { fileContainingSymbol: 'models.language.v1.LanguageService' });
      expect(hidden.errorResponse?.errorCode).toBe(status.NOT_FOUND);
    });

    it('answers exactly the files of the set, imports included', async () => {
      const bytesOf = (name: string) => {
        const file = set.file.find((each) => each.name === name);
        if (file === undefined) throw new Error(`no ${name}`);
        return Buffer.from(toBinary(FileDescriptorProtoSchema, file));
      };
      const files = async (request: Partial<ServerReflectionRequest>) =>
        (await ask('v1', request)).fileDescriptorResponse?.fileDescriptorProto.map((each) => Buffer.from(each));
      const ocrFile = [bytesOf('models/ocr/v1/ocr.proto')];
      expect(await files({ fileContainingSymbol: OcrServiceDefinition.fullName })).toEqual(ocrFile);
      expect(await files({ fileContainingSymbol: 'models.ocr.v1.Line.confidence' })).toEqual(ocrFile);
      expect(await files({ fileByFilename: 'models/ocr/v1/ocr.proto' })).toEqual(ocrFile);
      expect(await files({ fileContainingSymbol: 'weft.wallet.v1.WalletService.GetAccount' })).toEqual([
        bytesOf('weft/wallet/v1/wallet.proto'),
        bytesOf('weft/payment/v1/payment.proto'),
      ]);
    });
  });
});

describe('startGrpcApp with raw messages', () => {
  it('lets an interceptor see and send the bytes themselves', async () => {
    const seen: Buffer[] = [];
    const wall: ServerInterceptor = (method, call) => {
      if (method.path !== recognizePath) return new ServerInterceptingCall(call);
      return new ServerInterceptingCall(call, {
        start: (next) =>
          next({
            onReceiveMessage(bytes, pass) {
              seen.push(bytes);
              pass(RecognizeRequest.decode(bytes));
            },
          }),
        sendMessage(message, send) {
          const bytes = Buffer.from(RecognizeResponse.encode(message).finish());
          seen.push(bytes);
          send(bytes);
        },
      });
    };
    const server = await startGrpcApp({
      module: TestModule,
      definitions: [OcrServiceDefinition],
      raw: [OcrServiceDefinition],
      interceptors: [wall],
      logger: silent,
    });
    const client = connect(`grpc://${server.address}`);
    const request = Buffer.from(RecognizeRequest.encode({ image: Buffer.from('word') }).finish());
    const { bytes } = await callRaw(client, recognizePath, request);
    expect(seen).toEqual([request, bytes]);
    const { status: health } = await typedClient(HealthDefinition, client).check({});
    expect(health).toBe(Serving.SERVING);
    client.close();
    await server.close();
  });
});

describe('close', () => {
  it('lets a call in flight end, refuses new ones and lets watchers go', async () => {
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let arrived = (): void => {};
    const atHandler = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    @Controller()
    class SlowController {
      @GrpcMethod('OcrService', 'Recognize')
      async recognize(): Promise<RecognizeResponse> {
        arrived();
        await gate;
        return recognized;
      }
    }
    @Module({ controllers: [SlowController] })
    class SlowModule {}
    const server = await startGrpcApp({ module: SlowModule, definitions: [OcrServiceDefinition], logger: silent });
    const client = connect(server.address);
    const late = connect(server.address);
    const slow = typedClient(OcrServiceDefinition, client).recognize({});
    const watch = typedClient(HealthDefinition, client).watch({});
    const watched = (async () => {
      for await (const _ of watch);
    })();
    await atHandler;
    const closed = server.close();
    await expect(typedClient(OcrServiceDefinition, late).recognize({})).rejects.toMatchObject({
      reason: 'SERVICE_UNAVAILABLE',
    });
    await watched;
    release();
    await expect(slow).resolves.toEqual(recognized);
    await closed;
    client.close();
    late.close();
  });

  it('ends a call that does not', async () => {
    const server = await startGrpcApp({
      module: TestModule,
      definitions: [OcrServiceDefinition],
      graceMs: 50,
      logger: silent,
    });
    const client = connect(server.address);
    const hanging = typedClient(OcrServiceDefinition, client).recognize({ image: Buffer.from('hang') });
    const refused = expect(hanging).rejects.toMatchObject({
      reason: expect.stringMatching(/SERVICE_UNAVAILABLE|CANCELLED/),
    });
    await typedClient(HealthDefinition, client).check({});
    await server.close();
    await refused;
    client.close();
  });
});

const logged: unknown[] = [];
const silent = {
  log: () => {},
  warn: () => {},
  error: (message: unknown) => logged.push(message),
};
