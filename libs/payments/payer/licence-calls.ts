import type { LicenceState, Licences } from '#contracts/licences.js';
import { WeftError } from '#core/errors.js';
import { sameBytes, toHex } from '#core/hex.js';
import { tenureKey } from '#core/tenure-key.js';
import { Call as CallMessage, Receipt as ReceiptMessage } from '#protos/weft/payment/v1/payment.js';
import type { SigningKey } from '../signature.js';
import { type Call, type Domain, escrowDomain, hashCall, hashUse, type Receipt, signingHash } from '../typed-data.js';
import { type LicencePayment, readCall, readReceipt, type Signed, writeCall, writeReceipt } from '../wire.js';
import type { ChannelKeys } from './channel-keys.js';
import { checkLength } from './check-length.js';
import type { TokenEntry } from './ledger/ledger-state.js';
import type { LicenceBook, LicenceCall, OverdueCalls } from './licence-book.js';
import type { LicencePins } from './licence-pins.js';
import { Pauses } from './pauses.js';
import type { PayerChain } from './payer-chain.js';
import type { WalletPolicy } from './policy.js';
import type { Payee, Proofs } from './proofs.js';
import type { ProviderPayments } from './provider-payments.js';
import type { CallEnd, CallRecord } from './wallet.js';

export interface LicenceCallsParts {
  readonly book: LicenceBook;
  readonly chain: PayerChain;
  readonly keys: ChannelKeys;
  readonly domain: Domain;
  readonly providers: ProviderPayments;
  readonly proofs: Proofs;
  readonly policy: WalletPolicy;
  readonly pins: LicencePins;
  /** Throws when the wallet may not decide anything any more. */
  readonly checkOpen: () => void;
  readonly warn: (message: string, details: Record<string, unknown>) => void;
}

/** What the chain said of a licence is believed for so long when a call is signed. */
const TRUSTED_MS = 3_000;
/** As of a listing. */
const MAX_ENDPOINTS = 8;
const MAX_ENDPOINT_LENGTH = 1_024;

/** Signs calls with licences, and learns how they ended. */
export class LicenceCalls {
  readonly #separator: Buffer;
  readonly #states = new Map<string, { readonly state: LicenceState; readonly atMs: number }>();
  /** Keys that were found to sign for a tenure. */
  readonly #operators = new Map<string, Set<string>>();
  readonly #pauses = new Pauses<string>();

  constructor(private readonly parts: LicenceCallsParts) {
    this.#separator = escrowDomain(parts.domain);
  }

  /**
   * Signs one call, once that is durable; it costs nothing, so a licence is used by tokens without limits alone.
   * `endpoints`: where it will be sent, and its provider asked later what became of it. `quoteId`: what pinned it.
   */
  async sign(
    licenceId: Uint8Array,
    call: Call,
    { endpoints, quoteId }: { readonly endpoints: readonly string[]; readonly quoteId?: Uint8Array | undefined },
    token?: TokenEntry,
  ): Promise<LicencePayment> {
    const { book, chain, checkOpen } = this.parts;
    checkOpen();
    checkUnlimited(token);
    for (const field of ['callId', 'listing', 'requestDigest'] as const) checkLength(call[field], field, 32);
    if (quoteId !== undefined) checkLength(quoteId, 'quoteId', 32);
    if (call.maxAmount !== 0n)
      throw new WeftError('INVALID_INPUT', 'a call with a licence costs nothing: maxAmount must be 0', {
        field: 'maxAmount',
      });
    if (endpoints.length > MAX_ENDPOINTS || endpoints.some(({ length }) => length > MAX_ENDPOINT_LENGTH))
      throw new WeftError('INVALID_INPUT', `endpoints must be at most ${MAX_ENDPOINTS}, as a listing names them`, {
        field: 'endpoints',
      });
    const { state, key } = await this.#signing(licenceId);
    await this.parts.pins.checkOneMore(licenceId, { callId: call.callId, quoteId }, state);
    const commitment = hashCall(call);
    const calls = state.callsLeft === undefined ? 0n : state.uses + state.callsLeft;
    const message = CallMessage.encode(writeCall(call)).finish();
    const uses = await book.reserve(
      licenceId,
      { callId: call.callId, commitment, message, quoteId },
      { signerNumber: state.signerNumber, uses: state.uses, calls },
      { endpoints, nowSec: chain.nowSec() },
    );
    const signature = key.sign(signingHash(this.#separator, hashUse({ licenceId, uses, commitment })));
    return { licenceId, uses, call, signature };
  }

  /** A receipt is verified before it counts. Errors: RECEIPT_INVALID. */
  async settle(licenceId: Uint8Array, callId: Uint8Array, end: CallEnd, token?: TokenEntry): Promise<void> {
    const { book } = this.parts;
    checkUnlimited(token);
    checkLength(licenceId, 'licenceId', 32);
    checkLength(callId, 'callId', 32);
    if (end === 'unclear') return; // it counts until it is sent again, or its provider was asked
    if (end === 'not-charged') return await book.settle(licenceId, callId, 'RELEASED');
    const call = await book.call(callId, licenceId);
    if (call === undefined)
      throw new WeftError('RECEIPT_INVALID', 'the receipt does not hold: the wallet has signed no such call', {
        field: 'callId',
      });
    await this.#learn(call, await this.#state(licenceId), end.receipt);
  }

  /**
   * Asks the provider about every call whose end is not known: each is settled by its receipt, or void. What it does not
   * say goes on counting.
   */
  async clear(licenceId: Uint8Array, endpoints: readonly string[]): Promise<void> {
    for (const call of await this.parts.book.open(licenceId)) await this.#ask(call, endpoints);
  }

  /** The same for calls whose retries should be long over. A provider that does not answer is asked ever more rarely. */
  async sweep(): Promise<void> {
    const { book, chain, policy } = this.parts;
    if (chain.licences === undefined) return;
    const overdue = await book.overdue(chain.nowSec() - policy.reservedSec);
    await Promise.all(overdue.filter(({ key }) => !this.#pauses.has(key)).map((each) => this.#sweepOne(each)));
  }

  async #sweepOne({ key, calls, endpoints }: OverdueCalls): Promise<void> {
    try {
      for (const call of calls) await this.#ask(call, endpoints);
      this.#pauses.end(key);
    } catch (error) {
      const { reason, message } = WeftError.from(error);
      const againInMs = this.#pauses.begin(key);
      const licence = toHex(calls[0]!.licenceId);
      const what = 'a provider did not say what became of calls';
      this.parts.warn(what, { licence, calls: calls.length, reason, message, againInMs });
    }
  }

  /** A call as it was signed, and where it was sent. */
  async find(callId: Uint8Array): Promise<{ record: CallRecord; endpoints: readonly string[] } | undefined> {
    const { book } = this.parts;
    const found = await book.call(callId);
    if (found === undefined) return undefined;
    const { licenceId, state, receipt, call } = found;
    const record: CallRecord = {
      callId,
      state,
      quoteId: new Uint8Array(32),
      step: '',
      maxAmount: 0n,
      receipt: receipt && readReceipt(ReceiptMessage.decode(receipt)),
      call: call && readCall(CallMessage.decode(call)),
    };
    return { record, endpoints: (await book.find(licenceId))?.endpoints ?? [] };
  }

  /** What the chain showed lately counts no more. */
  forget(licenceId: Uint8Array): void {
    this.#states.delete(toHex(licenceId));
  }

  /** The key that the chain names as signer. Errors: LICENCE_SEALED, LICENCE_FOREIGN if it is not ours. */
  key(licenceId: Uint8Array, state: LicenceState): SigningKey {
    const { signer, holder } = state;
    if (holder !== undefined && signer === undefined)
      throw new WeftError(
        'LICENCE_SEALED',
        'the licence takes no calls until its holder names a new signer for it: `weft licence signer`',
      );
    // One that is over still has its key: what it was answered can be fetched again.
    const key = this.parts.keys.presentLicenceKey(licenceId, state);
    if (signer !== undefined && !sameBytes(key.address, signer))
      throw new WeftError(
        'LICENCE_FOREIGN',
        `calls with this licence are signed by ${toHex(signer)}, a key that this wallet does not have; its holder takes it into use with \`weft licence signer\``,
        { signer: toHex(signer), ...(holder && { holder: toHex(holder) }) },
      );
    return key;
  }

  /** Before a call is refused for what the chain showed, the chain is asked again. */
  async #signing(licenceId: Uint8Array): Promise<{ state: LicenceState; key: SigningKey }> {
    const known = await this.#state(licenceId);
    try {
      return { state: known, key: this.key(licenceId, known) };
    } catch {
      this.forget(licenceId);
      const state = await this.#state(licenceId);
      return { state, key: this.key(licenceId, state) };
    }
  }

  /** Nothing is charged to a signer that is no more, so its calls need not be asked about. */
  async #ask(call: LicenceCall, endpoints: readonly string[]): Promise<void> {
    const { book, keys, providers, proofs } = this.parts;
    const { licenceId, callId } = call;
    const state = await this.#state(licenceId);
    const key = keys.presentLicenceKey(licenceId, state);
    if (state.signer === undefined || !sameBytes(state.signer, key.address))
      return await book.settle(licenceId, callId, 'RELEASED');
    const payee = this.#payee(licenceId, state);
    const answer = await providers.voidUse({ ...payee, endpoints, key }, callId);
    if ('receipt' in answer) return await this.#learn(call, state, answer.receipt);
    if (!(await proofs.isVoid(answer.void, payee, callId)))
      throw new WeftError('BAD_SIGNATURE', 'the provider’s Void is not signed by its operator');
    await book.settle(licenceId, callId, 'VOID');
  }

  async #learn(call: LicenceCall, state: LicenceState, receipt: Signed<Receipt>): Promise<void> {
    const { book, proofs } = this.parts;
    const { licenceId, callId, commitment } = call;
    const made = { call: { callId, maxAmount: 0n }, commitment };
    const fault = await proofs.faultOfReceipt(receipt, this.#payee(licenceId, state), made);
    if (fault !== undefined)
      throw new WeftError('RECEIPT_INVALID', `the receipt does not hold: ${fault}`, { field: fault.split(':')[0]! });
    await book.settle(licenceId, callId, ReceiptMessage.encode(writeReceipt(receipt)).finish());
  }

  #payee(id: Uint8Array, { asset, tenure }: LicenceState): Payee {
    const key = tenureKey({ asset, tenure });
    const operators = this.#operators.get(key) ?? new Set<string>();
    this.#operators.set(key, operators);
    return { id, terms: { asset, tenure }, operators };
  }

  async #state(licenceId: Uint8Array): Promise<LicenceState> {
    checkLength(licenceId, 'licenceId', 32);
    const key = toHex(licenceId);
    const known = this.#states.get(key);
    if (known !== undefined && Date.now() - known.atMs < TRUSTED_MS) return known.state;
    const state = await licencesOf(this.parts.chain).state(licenceId);
    if (this.#states.size > 1_000) this.#states.clear();
    this.#states.set(key, { state, atMs: Date.now() });
    return state;
  }
}

export function licencesOf({ licences }: PayerChain): Licences {
  if (licences === undefined)
    throw new WeftError('CONFIG_INVALID', 'this marketplace has no licences: its contracts are of an earlier version');
  return licences;
}

/** A program that may spend only so much may neither buy licences nor use up those that were bought for others. */
export function checkUnlimited(token: TokenEntry | undefined): void {
  const { total, perCall, perDay } = token?.limits ?? {};
  if (total === undefined && perCall === undefined && perDay === undefined) return;
  throw new WeftError('LIMIT_EXCEEDED', 'a token with limits neither buys nor uses licences', { token: token!.name });
}
