import type { Client } from '@grpc/grpc-js';
import type { BaseWallet } from 'ethers';
import pg from 'pg';
import { WeftError } from '#core/errors.js';
import { fromHex, toHex } from '#core/hex.js';
import { tenureKey } from '#core/tenure-key.js';
import { migrate } from '#platform/db/migrate.js';
import { TransactionSender } from '../chain/transaction-sender.js';
import { SigningKey } from '../signature.js';
import { type Call, type Domain, escrowDomain } from '../typed-data.js';
import type { Days, Usage } from '../usage.js';
import type { LicencePayment } from '../wire.js';
import { CallDesk } from './call-desk.js';
import { CallRecords } from './call-records.js';
import { ChainFollower } from './chain-follower.js';
import { ChannelKeys } from './channel-keys.js';
import { checkLength } from './check-length.js';
import { Closing } from './closing.js';
import { InFlight } from './in-flight.js';
import { JobPayer } from './job-payer.js';
import { LedgerBook } from './ledger/ledger-book.js';
import { type ChannelEntry, idKey, type JobEntry, type TokenEntry } from './ledger/ledger-state.js';
import { ledgerUnavailable } from './ledger/ledger-store.js';
import { LicenceBook } from './licence-book.js';
import { LicenceCalls } from './licence-calls.js';
import { LicenceDesk } from './licence-desk.js';
import { LicencePins } from './licence-pins.js';
import { PayerChain, type PayerChainOptions } from './payer-chain.js';
import { defaultPolicy, type WalletPolicy } from './policy.js';
import { Proofs } from './proofs.js';
import { ProviderPayments } from './provider-payments.js';
import { checkOwner, QuoteDesk, signedQuote } from './quote-desk.js';
import { Recovery } from './recovery.js';
import { Sweeper } from './sweeper.js';
import { Tokens } from './tokens.js';
import type {
  Account,
  BoughtLicence,
  CallEnd,
  CallRecord,
  CallState,
  ChannelRecord,
  HeldLicence,
  JobRecord,
  JobReservation,
  JobVerdict,
  LicencePurchase,
  OpenedQuote,
  QuoteRequest,
  QuoteStatus,
  ReceiptPlace,
  Reservation,
  ReserveRequest,
  Wallet,
} from './wallet.js';

export interface LocalWalletOptions {
  /** PostgreSQL; schema `payer` is made in it. One wallet per database. */
  readonly databaseUrl: string;
  /** Funds channels and signs quotes. */
  readonly key: BaseWallet;
  /** 32 secret bytes from which the channels' keys are made: with them a lost database can be found again. */
  readonly channelSeed: Uint8Array;
  readonly chain: PayerChainOptions;
  readonly policy?: Partial<WalletPolicy>;
  /** Decides whether and to which address a provider's endpoint is connected. Default: to what it says. */
  readonly openEndpoint?: (endpoint: string) => Client | Promise<Client>;
  readonly warn?: (message: string, details: Record<string, unknown>) => void;
}

/**
 * The payer's ledger, embedded in this process. One process at a time may hold it. Every method takes the token of
 * whoever asks; without one no limits hold but the quotes' own.
 */
export class LocalWallet implements Wallet {
  readonly tokens: Tokens;
  readonly #payer: Uint8Array;
  readonly #domain: Domain;
  readonly #policy: WalletPolicy;
  readonly #quotes: QuoteDesk;
  readonly #calls: CallDesk;
  readonly #jobs: JobPayer;
  readonly #providers: ProviderPayments;
  readonly #recovery: Recovery;
  readonly #sweeper: Sweeper;
  readonly #closing: Closing;
  readonly #licences: LicenceDesk;
  readonly #licenceCalls: LicenceCalls;
  readonly #records: CallRecords;
  readonly #follower: ChainFollower;
  #chores: Promise<void> | undefined;
  #resumeAtMs = 0;
  #closed = false;

  private constructor(
    private readonly options: LocalWalletOptions,
    private readonly book: LedgerBook,
    private readonly chain: PayerChain,
    private readonly pool: pg.Pool,
    inFlight: InFlight,
    parts: { domain: Domain; payer: Uint8Array; policy: WalletPolicy },
  ) {
    const { domain, payer, policy } = parts;
    const nowSec = () => chain.nowSec();
    const warn = options.warn ?? (() => {});
    const keys = new ChannelKeys(options.channelSeed, domain);
    this.#payer = payer;
    this.#domain = domain;
    this.#policy = policy;
    this.tokens = new Tokens(book, nowSec);
    const proofs = new Proofs(domain, chain, ({ id }) => {
      const channel = book.channels.get(idKey(id));
      if (channel !== undefined) book.ledger.dirty.channels.add(channel);
    });
    this.#providers = new ProviderPayments({
      domain,
      keys,
      nowSec,
      deadlineMs: policy.providerDeadlineMs,
      ...(options.openEndpoint && { open: options.openEndpoint }),
    });
    const separator = escrowDomain(domain);
    const providers = this.#providers;
    this.#recovery = new Recovery({ book, providers, proofs, keys, separator, nowSec });
    const licenceBook = new LicenceBook(pool);
    const pins = new LicencePins({ book: licenceBook, chain, keys, quotes: () => book.quotes.values() });
    this.#quotes = new QuoteDesk({ book, chain, keys, domain, payer, policy }, options.key, this.#recovery, pins);
    this.#calls = new CallDesk(book, {
      chain,
      inFlight,
      proofs,
      quotes: this.#quotes,
      recovery: this.#recovery,
      checkOpen: () => this.#checkOpen(),
      warn,
    });
    this.#jobs = new JobPayer(
      { book, chain, quotes: this.#quotes, proofs, domain, payer, checkOpen: () => this.#checkOpen() },
      new SigningKey(Buffer.from(options.key.privateKey.slice(2), 'hex')),
    );
    const licenceParts = {
      book: licenceBook,
      chain,
      keys,
      domain,
      payer,
      providers,
      checkOpen: () => this.#checkOpen(),
      warn,
    };
    this.#licenceCalls = new LicenceCalls({ ...licenceParts, proofs, policy, pins });
    this.#licences = new LicenceDesk({ ...licenceParts, calls: this.#licenceCalls });
    this.#records = new CallRecords({ book, licenceBook, licenceCalls: this.#licenceCalls, providers });
    this.#follower = new ChainFollower({ book, chain, keys, funding: this.#quotes.funding });
    this.#sweeper = new Sweeper({
      book,
      providers,
      proofs,
      recovery: this.#recovery,
      policy,
      nowSec,
      warn,
      housekeeping: () => this.#housekeeping(),
      sweepLicences: () => this.#licenceCalls.sweep(),
      dispute: (entry, fault) => this.#calls.dispute(entry, fault),
    });
    this.#closing = new Closing({
      book,
      chain,
      funding: this.#quotes.funding,
      providers,
      proofs,
      recovery: this.#recovery,
      sweep: (channel) => this.#sweeper.sweep(channel),
    });
    this.#sweeper.start();
  }

  /** Errors: LEDGER_IN_USE, LEDGER_UNAVAILABLE, WRONG_CHAIN, WRONG_ESCROW, CONFIG_INVALID. */
  static async open(options: LocalWalletOptions): Promise<LocalWallet> {
    const policy = { ...defaultPolicy, ...options.policy };
    const payer = fromHex(options.key.address, 'payer', 20);
    const escrow = fromHex(options.chain.escrow, 'escrow', 20);
    const domain = { chainId: options.chain.chainId, verifyingContract: escrow };
    const { databaseUrl } = options;
    const migrations = { folder: new URL('./migrations', import.meta.url), schema: 'payer' };
    await migrate(databaseUrl, migrations).catch((error: unknown) => {
      throw ledgerUnavailable(error);
    });
    const pool = new pg.Pool({ connectionString: databaseUrl, max: 3, application_name: 'weft wallet transactions' });
    // A connection that breaks would else end the process, idle or lent out; what was asked of it fails by itself.
    pool.on('error', () => {});
    pool.on('connect', (client) => client.on('error', () => {}));
    const chain = new PayerChain(options.chain, options.key, (provider) =>
      TransactionSender.start({
        ...options.chain,
        pool,
        schema: 'payer',
        key: options.key,
        provider,
      }),
    );
    const inFlight = new InFlight(
      (channel) => (book.knownTenures.has(tenureKey(channel.terms)) ? policy.maxInFlight : 1),
      policy.inFlightWaitMs,
    );
    let book: LedgerBook;
    try {
      const owner = { payer, chainId: options.chain.chainId, escrow };
      book = await LedgerBook.open(databaseUrl, owner, policy, (channel) => inFlight.freed(channel));
    } catch (error) {
      chain.close();
      await pool.end();
      throw error;
    }
    const wallet = new LocalWallet(options, book, chain, pool, inFlight, { domain, payer, policy });
    try {
      await wallet.#follower.search();
    } catch (error) {
      const { reason, message } = WeftError.from(error);
      // It is searched again later; to sign under quotes that are open needs no chain.
      if (reason === 'CHAIN_UNAVAILABLE' || reason === 'TRANSACTION_REVERTED')
        options.warn?.('the chain could not be searched for what this ledger does not know', { reason, message });
      else {
        await wallet.close();
        throw error;
      }
    }
    return wallet;
  }

  /** Writes what is left and lets go of the ledger. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#sweeper.stop();
    this.chain.stop();
    try {
      await this.book.close();
    } finally {
      this.chain.close();
      this.#providers.end();
      await this.pool.end();
    }
  }

  /** Asks providers now about everything that is due. */
  sweep(): Promise<void> {
    return this.#sweeper.sweep();
  }

  /** "0x…" */
  get payerAddress(): string {
    return toHex(this.#payer);
  }

  /** For whoever watches this process. */
  figures(): { openCalls: number; openQuotes: number; isWritable: boolean } {
    let [openCalls, openQuotes] = [0, 0];
    for (const channel of this.book.channels.values()) openCalls += channel.inFlight;
    for (const quote of this.book.quotes.values()) if (!quote.closed) openQuotes++;
    return { openCalls, openQuotes, isWritable: this.book.isWritable };
  }

  async account(): Promise<Account> {
    const { free, inToken } = await this.chain.funds();
    let inChannels = 0n;
    for (const { open, deposited, claimed } of await this.channels()) if (open) inChannels += deposited - claimed;
    return {
      payer: this.#payer,
      chainId: this.#domain.chainId,
      escrow: this.#domain.verifyingContract,
      token: fromHex(this.options.chain.token, 'token', 20),
      free,
      inChannels,
      inToken,
      inJobs: await this.#jobs.money(),
    };
  }

  async openQuote(request: QuoteRequest, token?: TokenEntry): Promise<OpenedQuote> {
    this.#checkOpen();
    return await this.#quotes.open(request, token);
  }

  async closeQuote(quoteId: Uint8Array, token?: TokenEntry): Promise<void> {
    const quote = await this.#quotes.get(quoteId);
    checkOwner(quote, token);
    await this.#quotes.close(quote);
  }

  async quoteStatus(quoteId: Uint8Array): Promise<QuoteStatus> {
    const quote = await this.#quotes.get(quoteId);
    return {
      quote: signedQuote(quote, this.#payer),
      pins: quote.pins,
      settled: quote.settled,
      exposure: this.book.ledger.exposure(quote),
      closed: quote.closed || quote.expiresAtSec <= this.chain.nowSec(),
    };
  }

  reserve(request: ReserveRequest, token?: TokenEntry): Promise<Reservation> {
    return this.#calls.reserve(request, token);
  }

  settle(callId: Uint8Array, end: CallEnd, token?: TokenEntry): Promise<CallState> {
    const job = this.book.jobs.get(idKey(callId));
    return job === undefined ? this.#calls.settle(callId, end, token) : this.#settleJob(job, end);
  }

  /** Its money moves when the job ends, so there is nothing to be let go or swept. */
  async #settleJob(job: JobEntry, end: CallEnd): Promise<CallState> {
    if (typeof end === 'object') await this.#jobs.settle(job, end.receipt);
    return job.receipt === undefined ? 'RESERVED' : 'SETTLED';
  }

  async fundJob(request: ReserveRequest, token?: TokenEntry): Promise<JobReservation> {
    return await this.#jobs.fund(request, token);
  }

  async job(callId: Uint8Array): Promise<JobRecord | undefined> {
    return await this.#jobs.job(callId);
  }

  async jobs(): Promise<JobRecord[]> {
    return await this.#jobs.list();
  }

  async evaluateJob(callId: Uint8Array, verdict: JobVerdict, token?: TokenEntry): Promise<JobRecord> {
    return await this.#jobs.evaluate(callId, verdict, token);
  }

  call(callId: Uint8Array): Promise<CallRecord | undefined> {
    return this.#records.call(callId);
  }

  receiptPlace(callId: Uint8Array): Promise<ReceiptPlace> {
    return this.#records.receiptPlace(callId);
  }

  usage(days: Days): Promise<Usage[]> {
    return this.#records.usage(days);
  }

  async channels(): Promise<ChannelRecord[]> {
    const all = [...this.book.channels.values()];
    // Claims and top-ups by others show on chain alone; what the ledger last saw will do while that does not answer.
    await Promise.all(
      all
        .filter(({ status }) => status !== 'closed')
        .map((channel) => this.#quotes.funding.refresh(channel).catch(() => {})),
    );
    this.book.changed();
    return all.map((channel) => ({
      channelId: channel.id,
      terms: channel.terms,
      deposited: channel.deposited,
      signed: channel.signed,
      settled: channel.settled,
      reserved: channel.reserved,
      claimed: channel.claimed,
      expiresAtSec: channel.expiresAtSec,
      open: channel.status === 'open' || channel.status === 'closing',
    }));
  }

  async reconcile(channelId: Uint8Array): Promise<void> {
    await this.#recovery.reconcile(this.#channel(channelId));
  }

  async closeChannel(channelId: Uint8Array): Promise<{ transaction: string; returned: bigint }> {
    this.#checkOpen();
    return await this.#closing.close(this.#channel(channelId));
  }

  licences(): Promise<HeldLicence[]> {
    return this.#licences.list();
  }

  buyLicence(purchase: LicencePurchase, token?: TokenEntry): Promise<BoughtLicence> {
    return this.#licences.buy(purchase, token);
  }

  renewLicence(licenceId: Uint8Array, renewal: Parameters<Wallet['renewLicence']>[1], token?: TokenEntry) {
    return this.#licences.renew(licenceId, renewal, token);
  }

  refundLicence(licenceId: Uint8Array, endpoints: readonly string[], token?: TokenEntry) {
    return this.#licences.refund(licenceId, endpoints, token);
  }

  sealLicence(licenceId: Uint8Array, endpoints: readonly string[], token?: TokenEntry) {
    return this.#licences.seal(licenceId, endpoints, token);
  }

  setLicenceSigner(
    licenceId: Uint8Array,
    signer: Uint8Array | undefined,
    endpoints: readonly string[],
    token?: TokenEntry,
  ) {
    return this.#licences.setSigner(licenceId, signer, endpoints, token);
  }

  transferLicence(licenceId: Uint8Array, to: Uint8Array, endpoints: readonly string[], token?: TokenEntry) {
    return this.#licences.transfer(licenceId, to, endpoints, token);
  }

  signUse(
    licenceId: Uint8Array,
    call: Call,
    endpoints: readonly string[] = [],
    quoteId?: Uint8Array,
    token?: TokenEntry,
  ): Promise<LicencePayment> {
    return this.#licenceCalls.sign(licenceId, call, { endpoints, quoteId }, token);
  }

  settleUse(licenceId: Uint8Array, callId: Uint8Array, end: CallEnd, token?: TokenEntry): Promise<void> {
    return this.#licenceCalls.settle(licenceId, callId, end, token);
  }

  async #housekeeping(): Promise<void> {
    this.#quotes.expire(this.chain.nowSec());
    // Neither is waited for: providers should be asked also while the chain is slow or down.
    this.#chores ??= this.#doChores()
      .catch((error: unknown) =>
        this.options.warn?.('the chain is waited for', { reason: WeftError.from(error).reason }),
      )
      .finally(() => {
        this.#chores = undefined;
      });
  }

  async #doChores(): Promise<void> {
    if (Date.now() >= this.#resumeAtMs) {
      this.#resumeAtMs = Date.now() + this.#policy.resumeEveryMs;
      await this.chain.resume();
      await this.#follower.search();
      await this.#follower.follow();
      await this.#jobs.chores();
    }
    await this.#quotes.finishOpening();
  }

  #channel(channelId: Uint8Array): ChannelEntry {
    checkLength(channelId, 'channelId', 32);
    const channel = this.book.channels.get(idKey(channelId));
    if (channel === undefined)
      throw new WeftError('NOT_FOUND', 'the wallet has no such channel', { channelId: toHex(channelId) });
    return channel;
  }

  #checkOpen(): void {
    if (this.#closed) throw new WeftError('WALLET_UNAVAILABLE', 'this wallet has been closed');
    const { lost } = this.book;
    if (lost !== undefined) throw lost;
  }
}
