import { readFileSync } from 'node:fs';
import { Client, credentials, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { ServerReflectionRequest, ServerReflectionResponse } from '#protos/grpc/reflection/v1/reflection.js';
import { breaks } from './breaks.js';
import { readContract } from './read-contract.js';
import { fetchDescriptorSet } from './reflection.js';

const OCR = 'models.ocr.v1.OcrService';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

async function serve(mount: (server: Server) => void, options = {}): Promise<Client> {
  const server = new Server();
  mount(server);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), options);
  stops.push(() => {
    client.close();
    server.forceShutdown();
  });
  return client;
}

/** A server whose reflection answers each question as `answer` says; undefined: never. */
const answering = (
  answer: (request: ServerReflectionRequest) => Partial<ServerReflectionResponse> | undefined,
  version = 'v1',
  options = {},
): Promise<Client> =>
  serve(
    (server) =>
      server.addService(
        {
          ServerReflectionInfo: {
            path: `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
            requestStream: true,
            responseStream: true,
            requestSerialize: (m: ServerReflectionRequest) => Buffer.from(ServerReflectionRequest.encode(m).finish()),
            requestDeserialize: (b: Buffer) => ServerReflectionRequest.decode(b),
            responseSerialize: (m: ServerReflectionResponse) =>
              Buffer.from(ServerReflectionResponse.encode(m).finish()),
            responseDeserialize: (b: Buffer) => ServerReflectionResponse.decode(b),
          },
        },
        {
          ServerReflectionInfo(call: ServerDuplexStream<ServerReflectionRequest, ServerReflectionResponse>) {
            call.on('error', () => {});
            call.on('data', (request: ServerReflectionRequest) => {
              const found = answer(request);
              if (found !== undefined) call.write(ServerReflectionResponse.fromPartial(found));
            });
            call.on('end', () => call.end());
          },
        },
      ),
    options,
  );

const file = (name: string, imports: string[] = []): Buffer =>
  Buffer.concat(
    [[1, name] as const, ...imports.map((each) => [3, each] as const)].map(([no, text]) =>
      Buffer.concat([Buffer.from([(no << 3) | 2, text.length]), Buffer.from(text)]),
    ),
  );
const files = (...list: Buffer[]) => ({ fileDescriptorResponse: { fileDescriptorProto: list } });

describe('a contract by reflection', () => {
  it('is that of other servers too: proto-loader and @grpc/reflection give other names, but always the same', async () => {
    const own = loadSync('models/ocr/v1/ocr.proto', { includeDirs: ['protos'], keepCase: true });
    const client = await serve((server) => new ReflectionService(own).addToServer(server));
    const found = readContract(await fetchDescriptorSet(client, OCR), OCR);
    const shipped = readContract(readFileSync('protos/gen/weft.binpb'), OCR);
    expect(breaks(shipped, found)).toEqual([]);
    expect(found.digest).toEqual(readContract(await fetchDescriptorSet(client, OCR), OCR).digest);
  });

  it('comes from servers that know only v1alpha', async () => {
    const client = await answering(() => files(file('a.proto')), 'v1alpha');
    expect((await fetchDescriptorSet(client, 'a.v1.S')).length).toBeGreaterThan(0);
  });

  it('is put together from single files, and imports that the server lacks are left out', async () => {
    const asked: string[] = [];
    const client = await answering(({ fileByFilename }) => {
      asked.push(fileByFilename ?? 'symbol');
      if (fileByFilename === undefined) return files(file('a.proto', ['b.proto', 'gone.proto']));
      if (fileByFilename === 'b.proto') return files(file('b.proto', ['a.proto', 'c.proto']));
      if (fileByFilename === 'c.proto') return files(file('c.proto'));
      return { errorResponse: { errorCode: 5, errorMessage: 'no' } };
    });
    const set = Buffer.from(await fetchDescriptorSet(client, 'a.v1.S'));
    expect(asked).toEqual(['symbol', 'b.proto', 'gone.proto', 'c.proto']);
    for (const name of ['a.proto', 'b.proto', 'c.proto']) expect(set.includes(name)).toBe(true);
  });

  it.each<[string, Parameters<typeof answering>[0], string]>([
    [
      'without the service',
      () => ({ errorResponse: { errorCode: 5, errorMessage: '\u001b[31mno' } }),
      'CONTRACT_MISMATCH',
    ],
    ['with bytes that are no file', () => files(Buffer.from([0x0a, 0xff])), 'CONTRACT_INVALID'],
    ['with an empty answer', () => ({}), 'CONTRACT_MISMATCH'],
    [
      'T52 with too many bytes',
      () => files(Buffer.concat([file('a.proto'), Buffer.from([0x3a, 0x80, 0x80, 0x28]), Buffer.alloc(0xa0000)])),
      'CONTRACT_TOO_LARGE',
    ],
    [
      'T52 with too many files',
      () => files(...Array.from({ length: 65 }, (_, i) => file(`f${i}`))),
      'CONTRACT_TOO_LARGE',
    ],
    [
      'T52 with too many imports',
      () =>
        files(
          file(
            'a',
            Array.from({ length: 1001 }, (_, i) => `f${i}`),
          ),
        ),
      'CONTRACT_TOO_LARGE',
    ],
    [
      'T52 with imports without end',
      ({ fileByFilename = 'f' }) => files(file(fileByFilename, [`${fileByFilename}x`])),
      'CONTRACT_TOO_LARGE',
    ],
    ['that never answers', () => undefined, 'ENDPOINT_UNREACHABLE'],
  ])('is refused from a server %s', async (_, answer, reason) => {
    const client = await answering(answer);
    const deadlineMs = reason === 'ENDPOINT_UNREACHABLE' ? 400 : 20_000;
    await expect(fetchDescriptorSet(client, 'a.v1.S', { deadlineMs })).rejects.toMatchObject({ reason });
  });

  it('T64 is refused when a message is larger than the client takes', async () => {
    const client = await answering(() => files(file('a.proto'), Buffer.alloc(100_000)), 'v1', {
      'grpc.max_receive_message_length': 10_000,
    });
    await expect(fetchDescriptorSet(client, 'a.v1.S')).rejects.toMatchObject({ reason: 'CONTRACT_TOO_LARGE' });
  });

  it('is refused from servers without reflection, and from nobody', async () => {
    const without = await serve(() => {});
    await expect(fetchDescriptorSet(without, OCR)).rejects.toMatchObject({ reason: 'CONTRACT_MISMATCH' });
    const nobody = new Client('127.0.0.1:1', credentials.createInsecure());
    stops.push(() => nobody.close());
    await expect(fetchDescriptorSet(nobody, OCR)).rejects.toMatchObject({ reason: 'ENDPOINT_UNREACHABLE' });
  });
});
