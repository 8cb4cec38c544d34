import { type Client } from '@grpc/grpc-js';
import { typedClient } from '#payments/rpc/typed-client.js';
import { hashClose, hashStatement, hashVoid } from '#payments/typed-data.js';
import type { Payment } from '#payments/wire.js';
import { writeClose, writePayment, writeStatement, writeTerms, writeVoid } from '#payments/wire.js';
import { PaymentsDefinition } from '#protos/weft/payment/v1/payment.js';
import type { PayingChannel } from './paying.js';

const now = () => Math.floor(Date.now() / 1000);

/** Asks a provider about a channel, as its signer. */
export function questions(client: Client, channel: PayingChannel) {
  const payments = typedClient(PaymentsDefinition, client);
  const terms = writeTerms(channel.terms);
  const proof = (atSec = now()) => {
    const statement = { channelId: channel.id, authorised: 0n, spent: 0n, calls: 0n, atSec };
    return writeStatement({ ...statement, signature: channel.sign(hashStatement(statement)) });
  };
  const voidRequest = (callId: Uint8Array) => {
    const asked = { callId, account: channel.id, atSec: now() };
    return { terms, request: writeVoid({ ...asked, signature: channel.sign(hashVoid(asked)) }) };
  };
  const closeRequest = (spent: bigint, deadlineSec = now() + 3_600) => {
    const asked = { channelId: channel.id, spent, deadlineSec };
    return { terms, request: writeClose({ ...asked, signature: channel.sign(hashClose(asked)) }) };
  };
  return {
    payments,
    terms,
    proof,
    voidRequest,
    closeRequest,
    getChannel: () => payments.getChannel({ terms, proof: proof() }),
    getCall: (callId: Uint8Array) => payments.getCall({ terms, callId, proof: proof() }),
    getProof: (callId: Uint8Array) => payments.getProof({ terms, callId, proof: proof() }),
    void: (callId: Uint8Array) => payments.void(voidRequest(callId)),
    extend: (payment: Payment) => payments.extend({ payment: writePayment(payment) }),
    listReceipts: (pageSize = 0, pageToken = '') =>
      payments.listReceipts({ terms, proof: proof(), pageSize, pageToken }),
    close: (spent: bigint, deadlineSec?: number) => payments.close(closeRequest(spent, deadlineSec)),
  };
}
