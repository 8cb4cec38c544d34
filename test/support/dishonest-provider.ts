import { Server } from '@grpc/grpc-js';
import type { MessageOf, ResponseOf } from '#core/service-definition.js';
import type { SigningKey } from '#payments/signature.js';
import {
  type Close,
  type Domain,
  escrowDomain,
  hashClose,
  hashReceipt,
  hashStatement,
  type Receipt,
  type Statement,
  signingHash,
} from '#payments/typed-data.js';
import { writeClose, writeReceipt, writeStatement } from '#payments/wire.js';
import { toGrpcDefinition } from '#platform/grpc/service-definition.js';
import { PaymentsDefinition } from '#protos/weft/payment/v1/payment.js';
import { listen } from './relay.js';

type Methods = typeof PaymentsDefinition.methods;

/** What it answers to a request. */
export type Answers = {
  [K in keyof Methods]?: (request: MessageOf<Methods[K]['requestType']>) => ResponseOf<Methods[K]>;
};

/** `weft.payment.v1.Payments` of a provider that says whatever a test wants; the rest is UNIMPLEMENTED. Gives its address. */
export async function startPayments(answers: Answers): Promise<string> {
  const server = new Server();
  const handlers = Object.entries(answers).map(([key, answer]) => {
    const { name } = PaymentsDefinition.methods[key as keyof Methods];
    return [
      name,
      ({ request }: { request: never }, reply: (error: null, response: unknown) => void) =>
        reply(null, answer(request)),
    ] as const;
  });
  server.addService(toGrpcDefinition(PaymentsDefinition), Object.fromEntries(handlers) as never);
  return await listen(server);
}

/** Signs as an operator what is true or not. */
export function signsFor(operator: SigningKey, domain: Domain) {
  const sign = (hash: Uint8Array) => operator.sign(signingHash(escrowDomain(domain), hash));
  return {
    statement: (statement: Statement) => writeStatement({ ...statement, signature: sign(hashStatement(statement)) }),
    receipt: (receipt: Receipt) => writeReceipt({ ...receipt, signature: sign(hashReceipt(receipt)) }),
    close: (close: Close) => writeClose({ ...close, signature: sign(hashClose(close)) }),
  };
}
