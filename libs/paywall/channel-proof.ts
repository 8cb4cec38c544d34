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
  type Statement,
  signingHash,
  type Void,
} from '#payments/typed-data.js';
import { readClose, readCount, readStatement, readTerms, readVoid, type Signed } from '#payments/wire.js';
import { asBuffer } from '#platform/as-buffer.js';
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

/** A licence, and the key that asks about it: whether that is its signer, the chain says. */
export interface AskedLicence {
  readonly id: Buffer;
  /** `id`, latin1. */
  readonly key: string;
  readonly signedBy: Uint8Array;
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
    const statement = readProof(proof);
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

  /** `proof` is a Statement with zero amounts, whose `channelId` is the licence's id. */
  licenceByStatement(proof: proto.Statement | undefined): AskedLicence {
    const statement = readProof(proof);
    const licence = this.#licence(statement.channelId, hashStatement(statement), statement.signature, 'proof');
    this.#checkTime(statement.atSec, 'proof.atSec');
    return licence;
  }

  licenceByVoid(request: proto.Void | undefined): AskedLicence & { asked: Void } {
    const asked = readVoid(request, 'INVALID_INPUT');
    const licence = this.#licence(asked.account, hashVoid(asked), asked.signature, 'request');
    this.#checkTime(asked.atSec, 'request.atSec');
    return { ...licence, asked };
  }

  licenceByCount(request: proto.Count | undefined): AskedLicence & { asked: Count } {
    const asked = readCount(request, 'INVALID_INPUT');
    const licence = this.#licence(asked.licenceId, hashCount(asked), asked.signature, 'request');
    this.#checkDeadline(asked.deadlineSec);
    return { ...licence, asked };
  }

  #licence(licenceId: Uint8Array, hash: Uint8Array, signature: Uint8Array, field: string): AskedLicence {
    const signer = recover(signingHash(this.domain.separator, hash), signature);
    if (signer === undefined)
      throw new WeftError('BAD_SIGNATURE', 'the signature is malformed', { field: `${field}.signature` });
    return { id: asBuffer(licenceId), key: keyOf(licenceId), signedBy: signer };
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

function readProof(proof: proto.Statement | undefined): Signed<Statement> {
  const statement = readStatement(proof, 'INVALID_INPUT');
  if (statement.authorised !== 0n || statement.spent !== 0n || statement.calls !== 0n)
    throw new WeftError('INVALID_INPUT', 'a proof is a statement with zero amounts', { field: 'proof' });
  return statement;
}
