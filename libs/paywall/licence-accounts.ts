import { setTimeout as delay } from 'node:timers/promises';
import { WeftError } from '#core/errors.js';
import { sameBytes } from '#core/hex.js';
import { tenureKey } from '#core/tenure-key.js';
import type { ChainView } from '#payments/provider/chain-view.js';
import type { LicenceOnChain } from '#payments/provider/licence-ledger.js';
import type { ProviderLedger } from '#payments/provider/provider-ledger.js';
import { RecentMap, TokenBucket } from '#platform/rate-limit.js';
import { foreign, LicenceAccount, notItsSigner } from './licence-account.js';
import type { PaywallLimits } from './limits.js';
import type { ListingVersion } from './offers.js';
import type { VerifiedPayment } from './verify-payment.js';

/** Who says to be a licence's signer. */
type Asking = Pick<VerifiedPayment, 'accountId' | 'accountKey' | 'by'>;

/**
 * The licences in memory. What the chain says of one is believed for `licenceMs`, and read again before a call is
 * refused for it. Nothing is written for a licence until its signer has proved to be asking.
 */
export class LicenceAccounts {
  readonly #accounts: RecentMap<LicenceAccount>;
  /** Licences that the chain does not know, or not yet: not asked for again for a while. */
  readonly #unknown: RecentMap<{ readonly error: WeftError; readonly untilMs: number }>;
  readonly #reading = new Map<string, Promise<LicenceOnChain>>();
  readonly #readAtMs: RecentMap<number>;
  readonly #chainReads: TokenBucket;
  readonly #served: ReadonlySet<string>;

  constructor(
    private readonly ledger: ProviderLedger,
    private readonly chain: ChainView,
    private readonly limits: PaywallLimits,
    versions: readonly ListingVersion[],
  ) {
    this.#served = new Set(versions.map(({ listing }) => tenureKey(listing)));
    this.#accounts = new RecentMap(limits.maxChannels, (account) => account.serving === 0);
    this.#unknown = new RecentMap(limits.maxChannels);
    this.#readAtMs = new RecentMap(limits.maxChannels);
    this.#chainReads = new TokenBucket(limits.newChannelsPerSec, limits.newChannelBurst);
  }

  /** The account, if it is in memory, fresh, and the key that signed is its signer. */
  known({ accountKey, by }: Asking): LicenceAccount | undefined {
    const account = this.#accounts.get(accountKey);
    if (account === undefined || by.kind !== 'licence' || !account.isSigner(by.signedBy)) return undefined;
    return performance.now() - account.readAtMs < this.limits.licenceMs ? account : undefined;
  }

  /**
   * The account of a licence whose signer, the present one or the last one seen here, has signed. Errors:
   * LICENCE_UNKNOWN, LICENCE_FOREIGN, BAD_SIGNATURE, OVERLOADED, CHAIN_UNAVAILABLE, LEDGER_UNAVAILABLE.
   */
  async get(asking: Asking): Promise<LicenceAccount> {
    const known = this.known(asking);
    if (known !== undefined) {
      this.#accounts.touch(known.key, known);
      return known;
    }
    return await this.#admitted(asking, await this.#read(asking));
  }

  /** Reads the account's row again. */
  async rereadLedger(account: LicenceAccount): Promise<void> {
    const row = await this.ledger.licences.licence(account.id);
    if (row !== undefined) account.take(row);
  }

  /** Reads the licence from the chain again, into ledger and account. */
  async rereadChain(asking: Asking): Promise<void> {
    await this.#admitted(asking, await this.#read(asking));
  }

  async #admitted(asking: Asking, onChain: LicenceOnChain): Promise<LicenceAccount> {
    const { accountId: id, accountKey: key, by } = asking;
    const signedBy = by.kind === 'licence' ? by.signedBy : new Uint8Array();
    const isPresent = onChain.signer !== undefined && sameBytes(onChain.signer, signedBy);
    if (!isPresent) {
      // The last signer may ask for what it was answered before; whoever else asks learns nothing.
      const before = this.#accounts.get(key) ?? (await this.ledger.licences.licence(id));
      if (before === undefined || !sameBytes(before.signer, signedBy)) throw notItsSigner();
    }
    if (!this.#served.has(tenureKey(onChain))) throw foreign(onChain);
    const row = await this.ledger.licences.take(id, onChain);
    if (row === undefined) throw notItsSigner();
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = new LicenceAccount(row, onChain);
      this.#accounts.set(key, account);
    } else account.take(row);
    account.takeChain(onChain);
    if (onChain.holder === undefined) account.end ??= await this.chain.licenceEnd(id).catch(() => undefined);
    return account;
  }

  /** One question at a time for each licence; whoever comes meanwhile gets the same answer. */
  async #read({ accountId, accountKey: key, by }: Asking): Promise<LicenceOnChain> {
    const unknown = this.#unknown.get(key);
    if (unknown !== undefined && performance.now() < unknown.untilMs) throw unknown.error;
    let reading = this.#reading.get(key);
    if (reading === undefined) {
      // A flood of ids that nobody knows, or of keys that are nobody's, must not keep those away that are in use.
      const account = this.#accounts.get(key);
      const isSigner = by.kind === 'licence' && account?.wasSigner(by.signedBy);
      if (!isSigner && !this.#chainReads.take())
        throw new WeftError('OVERLOADED', 'too many licences are asked about at once; try again in a moment');
      reading = this.#ask(accountId, key).finally(() => this.#reading.delete(key));
      this.#reading.set(key, reading);
    }
    return await reading;
  }

  async #ask(id: Uint8Array, key: string): Promise<LicenceOnChain> {
    const wait = (this.#readAtMs.get(key) ?? Number.NEGATIVE_INFINITY) + this.limits.rereadChannelMs;
    if (wait > performance.now()) await delay(wait - performance.now());
    this.#readAtMs.set(key, performance.now());
    const onChain = await this.chain.licence(id);
    if (onChain.offerId !== undefined) return onChain;
    const error = new WeftError('LICENCE_UNKNOWN', 'the chain has no such licence (yet)');
    this.#unknown.set(key, { error, untilMs: performance.now() + this.limits.unknownChannelMs });
    throw error;
  }
}
