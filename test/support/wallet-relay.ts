import { type Metadata, Server, type ServerDuplexStream } from '@grpc/grpc-js';
import { statusDetailsKey } from '#core/status-details.js';
import { connect } from '#payments/rpc/connect.js';
import { callRaw } from '#payments/rpc/raw-call.js';
import { toGrpcDefinition } from '#platform/grpc/service-definition.js';
import { type AskRequest, type AskResponse, WalletServiceDefinition } from '#protos/weft/wallet/v1/wallet.js';
import { onEnd } from './on-end.js';
import { type Around, listen, ownMetadata } from './relay.js';

/**
 * Stands between programs that ask on streams and the wallet at `target`, which gets each question as a call of its
 * own. Gives its address.
 */
export async function startWalletRelay(target: string, around: Around): Promise<string> {
  const client = connect(target);
  const server = new Server();
  const service = WalletServiceDefinition;
  const answer = async ({ number, method: name, message }: AskRequest, metadata: Metadata): Promise<AskResponse> => {
    const path = `/${service.fullName}/${name}`;
    const forward = () => callRaw(client, path, message, { metadata: ownMetadata(metadata) });
    const reply = await around({ method: path.slice(1), request: Buffer.from(message) }, forward);
    if (reply.bytes !== undefined) return { number, message: reply.bytes };
    return { number, status: reply.trailers.get(statusDetailsKey)[0] as Buffer };
  };
  const ask = (stream: ServerDuplexStream<AskRequest, AskResponse>) => {
    stream.on('data', (question: AskRequest) => {
      void answer(question, stream.metadata).then((response) => stream.write(response));
    });
    stream.on('end', () => stream.end());
    stream.on('error', () => {});
  };
  const { methods, ...named } = service;
  server.addService(toGrpcDefinition({ ...named, methods: { ask: methods.ask } }), { Ask: ask });
  onEnd(() => client.close());
  return await listen(server);
}
