import { Metadata, Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { connect } from '#payments/rpc/connect.js';
import { callRaw, type RawReply } from '#payments/rpc/raw-call.js';
import { onEnd } from './on-end.js';

export interface RelayedCall {
  /** "package.Service/Method" */
  readonly method: string;
  readonly request: Buffer;
}

/** Decides what becomes of a call: passes it on with `forward`, changes the answer, waits, or never answers. */
export type Around = (call: RelayedCall, forward: () => Promise<RawReply>) => Promise<RawReply>;

/** Stands between a client and the server at `target` for the given unary methods. Gives its address. */
export async function startRelay(target: string, methods: readonly string[], around: Around): Promise<string> {
  const client = connect(target);
  const server = new Server();
  const same = (bytes: Buffer) => bytes;
  for (const method of methods) {
    const path = `/${method}`;
    const definition = {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    };
    const relay = async (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
      const forward = () => callRaw(client, path, call.request, { metadata: ownMetadata(call.metadata) });
      const { error, code, bytes, trailers } = await around({ method, request: call.request }, forward);
      const metadata = ownMetadata(trailers);
      if (error === undefined) answer(null, bytes, metadata);
      else answer({ code, details: error.message, metadata });
    };
    server.addService({ relay: definition }, { relay });
  }
  onEnd(() => client.close());
  return await listen(server);
}

/** Lets a server listen until the end, at a free port unless one is named. Gives its address. */
export async function listen(server: Server, at = 0): Promise<string> {
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${at}`, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  onEnd(() => server.forceShutdown());
  return `127.0.0.1:${port}`;
}

/** Without what belongs to the connection. */
export function ownMetadata(metadata: Metadata): Metadata {
  const own = new Metadata();
  for (const key of Object.keys(metadata.getMap()))
    if (/^(weft-|authorization$|grpc-status-details-bin$)/.test(key))
      for (const value of metadata.get(key)) own.add(key, value);
  return own;
}
