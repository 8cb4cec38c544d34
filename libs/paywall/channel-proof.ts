import { WeftError } from '#core/errors.js';
import { recover, signedBy } from '#payments/signature.js';
import {
  type ChannelTerms,
  type Close,
  type Count,
  channelId,
  hashClose,
  hashCount,
  hashStatement,
  hashVoid,
  signingHash,
  type Void,
} from '#payments/typed-data.js';
import { readClose, readCount, readStatement, readTerms, readVoid } from '#payments/wire.js';
import { keyOf } from '#platform/key-of.js';
import type * as proto from '#protos/weft/payment/v1/payment.js';
import type { PaymentDomain } from './verify-payment.js';

/** A question must not be older, nor come from further ahead. */
const MAX_AGE_SEC = 300;
/** A wish to close or to seal says until when; that must not lie further ahead. */
const MAX_DEADLINE_SEC = 7 * 86_400;

/** A channel whose signer has proved to be asking. */
export interface ProvenChannel {
  readonly terms: ChannelTerms;
  readonly id: Buffer;
  /** `id`, latin1. */
  readonly key: string;
}

/** Reads who asks, and checks the signature that proves it. Needs nothing but the request. */
export class ChannelProof {
  constructor(
    private readonly domain: PaymentDomain,
    private readonly nowSec: () => number,
  ) {}

  /** `proof` is a Statement with zero amounts. */
  byStatement(terms: proto.ChannelTerms | undefined, proof: proto.Statement | undefined): ProvenChannel {
    const channel = this.#channel(terms);
    const statement = readStatement(proof, 'INVALID_INPUT');
    if (statement.authorised !== 0n || statement.spent !== 0n || statement.calls !== 0n)
      throw new WeftError('INVALID_INPUT', 'a proof is a statement with zero amounts', { field: 'proof' });
    this.#check(channel, statement.channelId, hashStatement(statement), statement.signature, 'proof');
    this.#checkTime(statement.atSec, 'proof.atSec');
    return channel;
  }

  byVoid(terms: proto.ChannelTerms | undefined, request: proto.Void | undefined): ProvenChannel & { asked: Void } {
    const channel = this.#channel(terms);
    const asked = readVoid(request, 'INVALID_INPUT');
    this.#check(channel, asked.account, hashVoid(asked), asked.signature, 'request');
    this.#checkTime(asked.atSec, 'request.atSec');
    return { ...channel, asked };
  }

  byClose(terms: proto.ChannelTerms | undefined, request: proto.Close | undefined): ProvenChannel & { asked: Close } {
    const channel = this.#channel(terms);
    const asked = readClose(request, 'INVALID_INPUT');
    this.#check(channel, asked.channelId, hashClose(asked), asked.signature, 'request');
    this.#checkDeadline(asked.deadlineSec);
    return { ...channel, asked };
  }

  /** Who signed: whether it is the licence's signer, the chain says. */
  byCount(request: proto.Count | undefined): { asked: Count; signedBy: Uint8Array } {
    const asked = readCount(request, 'INVALID_INPUT');
    const signer = recover(signingHash(this.domain.separator, hashCount(asked)), asked.signature);
    if (signer === undefined)
      throw new WeftError('BAD_SIGNATURE', 'the signature is malformed', { field: 'request.signature' });
    this.#checkDeadline(asked.deadlineSec);
    return { asked, signedBy: signer };
  }

  #channel(message: proto.ChannelTerms | undefined): ProvenChannel {
    const terms = readTerms(message, 'INVALID_INPUT');
    const id = channelId(terms, this.domain);
    return { terms, id, key: keyOf(id) };
  }

  #check(channel: ProvenChannel, named: Uint8Array, hash: Uint8Array, signature: Uint8Array, field: string): void {
    if (!channel.id.equals(named))
      throw new WeftError('INVALID_INPUT', `${field} names another channel than the terms`, { field });
    if (!signedBy(channel.terms.signer, signingHash(this.domain.separator, hash), signature))
      throw new WeftError('BAD_SIGNATURE', `${field} is not signed by the channel's signer for this escrow and chain`, {
        field: `${field}.signature`,
      });
  }

  #checkDeadline(deadlineSec: number): void {
    const ahead = deadlineSec - this.nowSec();
    if (ahead < 0 || ahead > MAX_DEADLINE_SEC)
      throw new WeftError('UNAUTHENTICATED', 'the wish is past its deadline, or has one too far ahead', {
        field: 'request.deadlineSec',
      });
  }

  #checkTime(atSec: number, field: string): void {
    if (Math.abs(this.nowSec() - atSec) > MAX_AGE_SEC)
      throw new WeftError('UNAUTHENTICATED', `the proof must have been signed within ${MAX_AGE_SEC} s of now`, {
        field,
      });
  }
}
