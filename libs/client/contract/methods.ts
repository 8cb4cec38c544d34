import type { DescMessage, DescMethod } from '@bufbuild/protobuf';
import { WeftError } from '#core/errors.js';
import type { Contract } from './read-contract.js';

export interface ContractMethod {
  readonly name: string;
  /** As prices and vouchers name it: "models.ocr.v1.OcrService/Recognize". */
  readonly fullName: string;
  /** As HTTP/2 carries it: "/models.ocr.v1.OcrService/Recognize". */
  readonly path: string;
  readonly input: DescMessage;
  readonly output: DescMessage;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

export const methodsOf = (contract: Contract): ContractMethod[] => contract.descriptor.methods.map(describe);

/** By short or full name. Throws UNKNOWN_METHOD. */
export function methodOf(contract: Contract, name: string): ContractMethod {
  const short = name.startsWith(`${contract.service}/`) ? name.slice(contract.service.length + 1) : name;
  const found = contract.descriptor.methods.find((method) => method.name === short);
  if (found !== undefined) return describe(found);
  const known = contract.descriptor.methods.map((method) => method.name).join(', ');
  throw new WeftError('UNKNOWN_METHOD', `${contract.service} has no method ${name.slice(0, 100)}; it has ${known}`, {
    method: name.slice(0, 100),
    service: contract.service,
  });
}

const describe = (method: DescMethod): ContractMethod => ({
  name: method.name,
  fullName: `${method.parent.typeName}/${method.name}`,
  path: `/${method.parent.typeName}/${method.name}`,
  input: method.input,
  output: method.output,
  requestStream: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
  responseStream: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
});
