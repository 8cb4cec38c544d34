import type { Metadata } from '@grpc/grpc-js';
import { WeftError } from '#core/errors.js';
import { maxAmount } from '#core/money.js';
import type { ChainView } from '#payments/provider/chain-view.js';
import type { ProviderLedger } from '#payments/provider/provider-ledger.js';
import { sweepLedger } from '#payments/provider/retention.js';
import type { Account } from './account.js';
import { Accounts } from './accounts.js';
import {
  type Admission,
  type Attempt,
  type CallEnd,
  ChannelAttempt,
  callIdReused,
  inFlight,
  meetRow,
  notCharged,
  Refused,
} from './attempt.js';
import { ChannelAccount } from './channel-account.js';
import { Charges } from './charges.js';
import { Gates } from './gates.js';
import { JobDesk } from './job-desk.js';
import { LicenceAccount } from './licence-account.js';
import { LicenceAccounts } from './licence-accounts.js';
import type { PaywallLimits } from './limits.js';
import { type ListingVersion, type Offer, type Route, routesOf } from './offers.js';
import { type EndStatus, paymentRequired, refusal } from './refusal.js';
import { Standing } from './standing.js';
import {
  type PaymentDomain,
  paymentOf,
  unknownMethod,
  type VerifiedJob,
  type VerifiedPayment,
  verifyPayment,
} from './verify-payment.js';

/** Instants at which a test may want the process to die. */
export type Stage = 'served' | 'committed';

export interface WallOptions {
  readonly domain: PaymentDomain;
  /** ERC-20 in which amounts are counted, 20 bytes. */
  readonly token: Uint8Array;
  readonly offers: readonly Offer[];
  readonly ledger: ProviderLedger;
  readonly chain: ChainView;
  readonly limits: PaywallLimits;
  /** Receipts are anchored when they are so old, at the latest; undefined: they are not anchored. */
  readonly anchorAfterSec?: number | undefined;
  readonly onStage: ((stage: Stage) => void) | undefined;
  readonly onError: (error: unknown) => void;
}

/** Decides about calls: who may be served, and what a served one is charged. Knows nothing of gRPC but its metadata. */
export class Wall {
  readonly routes: ReadonlyMap<string, Route>;
  /** Every listing that is served, the newest of each asset before its older ones. */
  readonly versions: readonly ListingVersion[];
  readonly accounts: Accounts;
  readonly licences: LicenceAccounts;
  readonly #gates: Gates;
  readonly standing: Standing;
  readonly #jobs: JobDesk;
  readonly charges: Charges;
  readonly #serving = new Map<string, Attempt>();
  readonly #timers: NodeJS.Timeout[];

  constructor(readonly options: WallOptions) {
    this.routes = routesOf(options.offers, options.domain.verifyingContract);
    this.#gates = new Gates(options.chain, options.limits);
    this.accounts = new Accounts(options.ledger, options.chain, options.limits);
    this.versions = [...new Set([...this.routes.values()].flatMap((route) => [...route.versions.values()]))];
    this.licences = new LicenceAccounts(options.ledger, options.chain, options.limits, this.versions);
    this.standing = new Standing(this.versions, options.chain, options.limits.standingMs, options.onError);
    this.#jobs = new JobDesk({
      ...options,
      gates: this.#gates,
      standing: this.standing,
      serving: (callKey) => this.#serving.get(callKey),
      meet: (running, verified) => this.#meet(running, verified),
      serve: (attempt) => this.#begin(attempt),
    });
    this.charges = new Charges({ ...options, jobs: this.#jobs });
    const { standingMs } = options.limits;
    this.#timers = [
      setInterval(() => this.#endSlowCalls(), 1_000).unref(),
      setInterval(() => this.#inBackground(this.accounts.rereadUsed()), standingMs).unref(),
      setInterval(() => this.#inBackground(this.accounts.followChain()), standingMs).unref(),
      setInterval(() => this.#inBackground(this.#sweep()), SWEEP_MS).unref(),
    ];
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.standing.stop();
  }

  /** The call of this payer that is being served here. */
  serving(callKey: string): Attempt | undefined {
    return this.#serving.get(callKey);
  }

  /**
   * Judges a request. Answers at once when all it takes is in memory: that is the path of every call but the first of
   * a channel, a repeated one, and one that is refused for lack of money. Throws Refused.
   */
  admit(route: Route, metadata: Metadata, request: Uint8Array): Admission | Promise<Admission> {
    let verified: VerifiedPayment | VerifiedJob;
    try {
      const raw = paymentOf(metadata);
      const price = route.newest.prices.get(route.method);
      if (price === undefined) throw unknownMethod(route.method);
      if (price.kind === 'free') return { kind: 'free' };
      if (raw === undefined) throw this.#paymentRequired(route);
      if (this.#serving.size >= this.options.limits.maxServing)
        throw new WeftError('OVERLOADED', 'too many calls are being served; try again in a moment');
      verified = verifyPayment(route, raw, request, this.options.domain);
    } catch (error) {
      throw notCharged(error);
    }
    if ('job' in verified) return this.#jobs.admit(route, verified);
    const account =
      verified.by.kind === 'channel' ? this.accounts.known(verified.accountKey) : this.licences.known(verified);
    const isNew = this.accounts.seenBy(verified.payerKey)?.has(verified.call.callId) === false;
    if (account === undefined || account.stale || !(isNew || this.#serving.has(verified.callKey)))
      return this.#admitSlowly(route, verified);
    return this.#admitNow(route, verified, account) ?? this.#admitSlowly(route, verified);
  }

  /** What the call needs of its channel to begin: a stream may be paid for as it goes. */
  #needOf(route: Route, { call, cumulative, price }: VerifiedPayment, account: Account): bigint {
    const most = account.mostOf(call);
    if (!route.definition.responseStream) return most;
    const room = account.roomWith(cumulative);
    return room >= most ? most : maxAmount(account.costOf(price, 1n), room);
  }

  /** Undefined if it cannot be admitted as things stand in memory. */
  #admitNow(route: Route, verified: VerifiedPayment, account: Account): Admission | undefined {
    const running = this.#serving.get(verified.callKey);
    if (running !== undefined) return this.#meet(running, verified);
    const { need, refused } = this.#judge(route, verified, account);
    return refused === undefined ? this.#serve(route, verified, account, need) : undefined;
  }

  #serve(route: Route, verified: VerifiedPayment, account: Account, need: bigint): Admission {
    account.see(verified.cumulative, verified.raw);
    account.hold(need);
    return this.#begin(new ChannelAttempt(route, verified, account, need));
  }

  #begin(attempt: Attempt): Admission {
    this.#serving.set(attempt.verified.callKey, attempt);
    return { kind: 'serve', attempt };
  }

  /** The same call is being served here. */
  #meet(running: Attempt, verified: VerifiedPayment | VerifiedJob): Admission {
    if (running.verified.accountKey !== verified.accountKey || !running.verified.commitment.equals(verified.commitment))
      throw new Refused(callIdReused(), undefined);
    if (running instanceof ChannelAttempt && 'by' in verified) running.account.see(verified.cumulative, verified.raw);
    if (running.route.definition.responseStream) throw new Refused(inFlight(), undefined);
    return { kind: 'join', attempt: running };
  }

  /**
   * Reads whatever the decision rests on: the account, what a refusal would rest on, and at last the call's row. No
   * call is refused whose row says that it was served, be it by another process.
   */
  async #admitSlowly(route: Route, verified: VerifiedPayment): Promise<Admission> {
    let account: Account;
    try {
      account = await this.#account(verified);
      if (account.stale) await this.#rereadLedger(account);
      await this.accounts.learn(verified.payer);
    } catch (error) {
      throw notCharged(error);
    }
    const unsure = await this.#reread(route, verified, account);
    const running = this.#serving.get(verified.callKey);
    if (running !== undefined) return this.#meet(running, verified);
    const refusedNow = () => unsure ?? this.#judge(route, verified, account).refused;
    try {
      const maySeen = this.accounts.seenBy(verified.payerKey)?.has(verified.call.callId) !== false;
      if (maySeen || refusedNow() !== undefined) {
        const row = await this.options.ledger.call(verified.payer, verified.call.callId);
        if (row !== undefined) return meetRow(verified, row);
      }
    } catch (error) {
      throw notCharged(error);
    }
    const meanwhile = this.#serving.get(verified.callKey);
    if (meanwhile !== undefined) return this.#meet(meanwhile, verified);
    const { need, refused } = this.#judge(route, verified, account);
    const reason = unsure ?? refused;
    if (reason !== undefined) throw notCharged(reason);
    return this.#serve(route, verified, account, need);
  }

  /** What speaks against a call as things stand in memory. */
  #judge(route: Route, verified: VerifiedPayment, account: Account): { need: bigint; refused: WeftError | undefined } {
    const nowSec = this.options.chain.nowSec();
    const need = this.#needOf(route, verified, account);
    const refused =
      this.standing.refusalOf(verified.version, nowSec) ??
      account.refusalOf(verified, need, this.options.limits, nowSec) ??
      this.#gates.refusalOf(verified.version.gate, holderOf(verified, account));
    return { need, refused };
  }

  /** Reads again, once, what a refusal would rest on. Gives what went wrong with that. */
  async #reread(route: Route, verified: VerifiedPayment, account: Account): Promise<WeftError | undefined> {
    const { version } = verified;
    try {
      if (this.standing.refusalOf(version, this.options.chain.nowSec()) !== undefined)
        await this.standing.reread(version.listing.asset);
      switch (this.#judge(route, verified, account).refused?.reason) {
        case 'UNDERPAID':
        case 'RECONCILE':
          await this.#rereadLedger(account);
          break;
        case 'CHANNEL_EMPTY':
        case 'CHANNEL_TOO_SMALL':
        case 'CHANNEL_EXPIRING':
          if (account instanceof ChannelAccount) await this.accounts.rereadChain(account);
          break;
        case 'LICENCE_EXPIRED':
        case 'LICENCE_ENDED':
        case 'LICENCE_SEALED':
        case 'LICENCE_USED_UP':
          await this.licences.rereadChain(verified);
          break;
      }
      const { gate } = version;
      if (gate !== undefined && this.#judge(route, verified, account).refused?.reason === 'TOKEN_REQUIRED')
        await this.#gates.read(gate, holderOf(verified, account));
      return undefined;
    } catch (error) {
      return WeftError.from(error);
    }
  }

  #account(verified: VerifiedPayment): Promise<Account> {
    const { by, accountId: id, accountKey: key, version } = verified;
    if (by.kind === 'licence') return this.licences.get(verified);
    return this.accounts.get({ id, key, terms: by.terms, minChannel: version.listing.minChannel });
  }

  async #rereadLedger(account: Account): Promise<void> {
    if (account instanceof ChannelAccount) await this.accounts.rereadLedger(account);
    else if (account instanceof LicenceAccount) await this.licences.rereadLedger(account);
  }

  /** Reads what a stream that waits for a further voucher waits for; a licence covers its stream from the start. */
  async rereadForMore(account: Account): Promise<void> {
    if (!(account instanceof ChannelAccount)) return;
    await this.accounts.rereadLedger(account);
    if (account.authorised > account.deposited) await this.accounts.rereadChain(account);
  }

  /** Lets go of a call that is not charged. `status` goes to whoever joined it. */
  fail(attempt: Attempt, status: EndStatus): void {
    this.#finish(attempt, { status });
  }

  /** Holds at least `wanted` for a stream, if its channel has room for it. */
  growHold(attempt: ChannelAttempt, wanted: bigint): boolean {
    const { account } = attempt;
    const more = wanted - attempt.held;
    if (more <= 0n) return true;
    if (!account.isOpen || more > account.roomWith(0n)) return false;
    account.reserved += more;
    attempt.held += more;
    return true;
  }

  /** A window was committed: what was held for it is spent now. */
  spendHold(attempt: ChannelAttempt, amount: bigint, spent: bigint): void {
    attempt.held -= amount;
    attempt.account.reserved -= amount;
    attempt.account.spent = maxAmount(attempt.account.spent, spent);
  }

  #finish(attempt: Attempt, end: CallEnd): void {
    if (attempt.phase === 'ended') return;
    attempt.phase = 'ended';
    this.#serving.delete(attempt.verified.callKey);
    attempt.end(end);
  }

  /** Charges a served unary call. When it answers with a response, everything is durable. Never rejects. */
  async commit(attempt: Attempt, response: Uint8Array): Promise<CallEnd> {
    attempt.phase = 'committing';
    const { verified } = attempt;
    this.options.onStage?.('served');
    let end: CallEnd;
    try {
      end = await this.charges.charge(attempt, response);
    } catch (error) {
      const refused = error instanceof Refused ? error : notCharged(error);
      end = { status: this.refusal(attempt.route, refused) };
    }
    this.accounts.noteSeen(verified.payerKey, verified.call.callId);
    this.#finish(attempt, end);
    return end;
  }

  /** The status that tells of a refusal. What went wrong inside is told to whoever watches over the paywall. */
  refusal(route: Route, error: unknown): EndStatus {
    const refused = error instanceof Refused ? error : new Refused(WeftError.from(error), undefined);
    const { reason, outcome, receipt } = refused;
    if (reason.cause !== undefined) this.options.onError(reason);
    return refusal(reason, {
      outcome,
      ...(receipt && { receipt }),
      ...(reason.reason === 'PAYMENT_REQUIRED' && { required: this.#terms(route) }),
    });
  }

  #paymentRequired(route: Route): WeftError {
    const { maxAmount: most } = this.#terms(route);
    return new WeftError('PAYMENT_REQUIRED', `${route.method} costs up to ${most} minor units; pay through a channel`);
  }

  #terms(route: Route) {
    const { chainId, verifyingContract } = this.options.domain;
    const { listing, digest, operator, prices } = route.newest as ListingVersion;
    const price = prices.get(route.method)!;
    return paymentRequired({
      chainId,
      escrow: verifyingContract,
      token: this.options.token,
      asset: listing.asset,
      tenure: listing.tenure,
      operator: operator.address,
      listing: digest,
      method: route.method,
      maxAmount: price.kind === 'fixed' ? price.rate : price.maxAmount,
      minChannel: listing.minChannel,
    });
  }

  #inBackground(work: Promise<unknown>): void {
    work.catch(this.options.onError);
  }

  async #sweep(): Promise<void> {
    const retainSec = Math.max(...this.versions.map(({ listing }) => listing.retainSec));
    const { ledger, chain, anchorAfterSec } = this.options;
    await sweepLedger(ledger, { retainSec, nowSec: chain.nowSec(), anchors: anchorAfterSec !== undefined });
  }

  #endSlowCalls(): void {
    const before = performance.now() - this.options.limits.maxCallSec * 1000;
    for (const attempt of this.#serving.values()) {
      if (attempt.phase !== 'serving' || attempt.startedAtMs > before) continue;
      attempt.giveUp?.(new WeftError('DEADLINE', `the call took longer than ${this.options.limits.maxCallSec} s`));
    }
  }
}

const SWEEP_MS = 3_600_000;
const EMPTY = new Uint8Array();

/** Who has proved to be calling: the channel's funder named its signer, and the licence's holder its. */
const holderOf = ({ by }: VerifiedPayment, account: Account): Uint8Array =>
  by.kind === 'channel' ? by.terms.payer : ((account as LicenceAccount).onChain.holder ?? EMPTY);
