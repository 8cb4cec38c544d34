/** What ts-proto generates for a message, as far as it is needed here. */
export interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
  // biome-ignore lint/suspicious/noExplicitAny: ts-proto's own parameter type is generic over its argument
  fromPartial(object: any): T;
}

export interface MethodDefinition {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: each method has message types of its own
  readonly requestType: Codec<any>;
  readonly requestStream: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly responseType: Codec<any>;
  readonly responseStream: boolean;
}

/** What ts-proto generates for a service with `outputServices=generic-definitions`, e.g. `OcrServiceDefinition`. */
export interface ServiceDefinition {
  readonly name: string;
  readonly fullName: string;
  readonly methods: { readonly [key: string]: MethodDefinition };
}

/** A request as it is sent; fields may be left out. Throws for what does not fit its message. */
export const encodeRequest = (method: MethodDefinition, request: object): Uint8Array =>
  method.requestType.encode(method.requestType.fromPartial(request)).finish();

/** An answer as it is sent; fields may be left out. Throws for what does not fit its message. */
export function encodeResponse(method: MethodDefinition, response: unknown): Uint8Array {
  if (typeof response !== 'object' || response === null) throw new TypeError(`${response} is not a message`);
  return method.responseType.encode(method.responseType.fromPartial(response)).finish();
}

/** "/models.ocr.v1.OcrService/Recognize" */
export const methodPath = (service: ServiceDefinition, method: MethodDefinition) =>
  `/${service.fullName}/${method.name}`;

export type MessageOf<C> = C extends { decode(...args: never[]): infer T } ? T : never;

type Builtin = Date | Uint8Array | string | number | boolean | bigint | undefined | null;

/** A message of which any field may be left out: what `fromPartial` takes. */
export type DeepPartial<T> = T extends Builtin
  ? T
  : T extends readonly (infer U)[]
    ? readonly DeepPartial<U>[]
    : T extends object
      ? { [K in keyof T]?: DeepPartial<T[K]> }
      : T;

export type RequestOf<M extends MethodDefinition> = DeepPartial<MessageOf<M['requestType']>>;
export type ResponseOf<M extends MethodDefinition> = MessageOf<M['responseType']>;
