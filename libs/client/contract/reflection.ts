import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type Client, Metadata, status } from '@grpc/grpc-js';
import { WeftError } from '#core/errors.js';
import { plainLine } from '#core/plain-text.js';
import { ServerReflectionRequest, ServerReflectionResponse } from '#protos/grpc/reflection/v1/reflection.js';
import { contractLimits } from './limits.js';

export interface ReflectionOptions {
  /** For the whole conversation. Default 5,000. */
  readonly deadlineMs?: number;
}

/**
 * Asks a server for the descriptors of `service` (grpc.reflection.v1, else v1alpha): a serialized FileDescriptorSet of
 * its file and all that this imports, as far as the server has them. Nothing in it was checked but its size.
 * Throws ENDPOINT_UNREACHABLE, CONTRACT_MISMATCH (no reflection, or no such service) or CONTRACT_TOO_LARGE.
 */
export async function fetchDescriptorSet(
  client: Client,
  service: string,
  options: ReflectionOptions = {},
): Promise<Uint8Array> {
  const deadline = Date.now() + (options.deadlineMs ?? 5_000);
  for (const version of ['v1', 'v1alpha'] as const) {
    const conversation = new Conversation(client, version, deadline);
    try {
      return await collect(conversation, service);
    } catch (error) {
      if (!(error instanceof ReflectionError) || error.code !== status.UNIMPLEMENTED) throw explain(error, service);
    } finally {
      conversation.end();
    }
  }
  throw new WeftError('CONTRACT_MISMATCH', 'the endpoint serves no reflection (grpc.reflection.v1 or v1alpha)', {
    service,
  });
}

async function collect(conversation: Conversation, service: string): Promise<Uint8Array> {
  const set = new BinaryWriter();
  const have = new Set<string>();
  const wanted = new Set<string>();
  let bytes = 0;
  const take = (files: readonly Uint8Array[]): void => {
    for (const file of files) {
      bytes += file.length;
      if (bytes > contractLimits.bytes) throw tooLarge('bytes');
      const { name, imports } = readHead(file);
      if (have.has(name)) continue;
      have.add(name);
      if (have.size > contractLimits.files) throw tooLarge('files');
      for (const each of imports) wanted.add(each);
      if (wanted.size > contractLimits.imports) throw tooLarge('imports');
      set.tag(1, WireType.LengthDelimited).bytes(file);
    }
  };
  take(await conversation.ask({ fileContainingSymbol: service }));
  // A set can be added to while it is walked, and the walk sees it.
  for (const name of wanted) {
    if (have.has(name)) continue;
    try {
      take(await conversation.ask({ fileByFilename: name }));
    } catch (error) {
      // Files that only options refer to are often not there; a type that is missing is noticed by whoever reads the set.
      if (!(error instanceof NotThereError)) throw error;
    }
  }
  return set.finish();
}

const tooLarge = (limit: 'bytes' | 'files' | 'imports'): WeftError =>
  new WeftError('CONTRACT_TOO_LARGE', `the endpoint's reflection gives more than ${contractLimits[limit]} ${limit}`, {
    limit,
  });

/** Name and imports of a serialized FileDescriptorProto. */
function readHead(file: Uint8Array): { name: string; imports: string[] } {
  let name = '';
  const imports: string[] = [];
  try {
    const reader = new BinaryReader(file);
    while (reader.pos < reader.len) {
      const [no, type] = reader.tag();
      if (no === 1 && type === WireType.LengthDelimited) name = reader.string();
      else if (no === 3 && type === WireType.LengthDelimited) imports.push(reader.string());
      else reader.skip(type, no);
    }
  } catch {
    throw new WeftError('CONTRACT_INVALID', 'the endpoint answers reflection with bytes that are no file descriptor');
  }
  return { name, imports };
}

class ReflectionError extends Error {
  constructor(
    readonly code: number,
    details: string,
  ) {
    super(details);
  }
}

/** The server has nothing under that name. */
class NotThereError extends Error {}

function explain(error: unknown, service: string): unknown {
  if (error instanceof NotThereError)
    return new WeftError('CONTRACT_MISMATCH', `the endpoint's reflection does not know ${service}`, { service });
  if (!(error instanceof ReflectionError)) return error;
  // grpc-js wraps its own state around what the system said: "connect ECONNREFUSED 127.0.0.1:9".
  const details = plainLine(error.message.replace(/^.*Last error: (Error: )?|\.? Resolution note:.*$/gs, ''));
  return error.code === status.RESOURCE_EXHAUSTED
    ? new WeftError('CONTRACT_TOO_LARGE', `the endpoint's reflection answers with too large messages: ${details}`)
    : new WeftError('ENDPOINT_UNREACHABLE', `the endpoint does not answer reflection: ${details}`, { service });
}

/** One question at a time on one stream. */
class Conversation {
  readonly #call;
  #waiting: { resolve: (files: Uint8Array[]) => void; reject: (error: Error) => void } | undefined;
  #over: Error | undefined;

  constructor(client: Client, version: 'v1' | 'v1alpha', deadline: number) {
    this.#call = client.makeBidiStreamRequest(
      `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      (request: ServerReflectionRequest) => Buffer.from(ServerReflectionRequest.encode(request).finish()),
      (bytes: Buffer) => bytes,
      new Metadata(),
      { deadline },
    );
    this.#call.on('data', (bytes: Buffer) => this.#answer(bytes));
    this.#call.on('error', () => {}); // told by the status; without a listener it would end the process
    this.#call.on('status', (end: { code: number; details: string }) =>
      this.#stop(new ReflectionError(end.code === status.OK ? status.UNAVAILABLE : end.code, end.details)),
    );
  }

  async ask(question: { fileContainingSymbol: string } | { fileByFilename: string }): Promise<Uint8Array[]> {
    return await new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      if (this.#over === undefined) this.#call.write(ServerReflectionRequest.fromPartial(question));
      else reject(this.#over);
    });
  }

  end(): void {
    this.#call.cancel();
  }

  #answer(bytes: Buffer): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    try {
      const { fileDescriptorResponse, errorResponse } = ServerReflectionResponse.decode(bytes);
      if (fileDescriptorResponse !== undefined) waiting?.resolve(fileDescriptorResponse.fileDescriptorProto);
      else waiting?.reject(new NotThereError(plainLine(errorResponse?.errorMessage ?? 'no files in the answer')));
    } catch {
      waiting?.reject(new ReflectionError(status.UNKNOWN, 'the answer is not a reflection message'));
    }
  }

  #stop(error: ReflectionError): void {
    this.#over = error;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}
