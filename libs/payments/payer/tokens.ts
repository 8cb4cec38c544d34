import { hash, randomBytes } from 'node:crypto';
import { WeftError } from '#core/errors.js';
import type { LedgerBook } from './ledger/ledger-book.js';
import { idKey, type SpendingLimits, type TokenEntry, type TokenScope } from './ledger/ledger-state.js';

/** The scopes a scope includes. */
const includes: Readonly<Record<TokenScope, readonly TokenScope[]>> = {
  READ: ['READ'],
  SPEND: ['READ', 'SPEND'],
  ADMIN: ['READ', 'SPEND', 'ADMIN'],
};

export const noLimits: SpendingLimits = {
  total: undefined,
  perCall: undefined,
  perDay: undefined,
  expiresAtSec: undefined,
};

/** Who may ask the wallet, for what, and how much it may spend. Only hashes of the secrets are kept. */
export class Tokens {
  readonly #byHash = new Map<string, TokenEntry>();

  constructor(
    private readonly book: LedgerBook,
    private readonly nowSec: () => number,
  ) {
    for (const token of book.tokens.values()) this.#byHash.set(idKey(token.hash), token);
  }

  /** Makes a token; its secret is shown once. Errors: INVALID_INPUT, LEDGER_UNAVAILABLE. */
  async create(name: string, scope: TokenScope, limits: SpendingLimits): Promise<string> {
    const secret = randomBytes(32).toString('base64url');
    await this.#add(name, secret, scope, limits);
    return secret;
  }

  /** A token whose secret stands in a file: known from an earlier start, or new, or with another secret than before. */
  async keep(name: string, secret: string, scope: TokenScope, limits: SpendingLimits): Promise<void> {
    const known = this.book.tokens.get(name);
    if (known === undefined) return await this.#add(name, secret, scope, limits);
    const hash = hashOf(secret);
    if (hash.equals(known.hash)) return;
    this.#byHash.delete(idKey(known.hash));
    known.hash = hash;
    known.revoked = false;
    await this.#enter(known);
  }

  async #add(name: string, secret: string, scope: TokenScope, limits: SpendingLimits): Promise<void> {
    if (!/^[\x21-\x7e]{1,64}$/.test(name))
      throw new WeftError('INVALID_INPUT', 'name must have 1 to 64 visible ASCII characters', { field: 'name' });
    if (this.book.tokens.has(name))
      throw new WeftError('INVALID_INPUT', `there is a token "${name}" already`, { field: 'name' });
    const spent = { settled: 0n, held: 0n, loose: 0n, day: 0, daySpent: 0n };
    await this.#enter({ name, hash: hashOf(secret), scope, limits, revoked: false, ...spent });
  }

  async #enter(token: TokenEntry): Promise<void> {
    this.book.tokens.set(token.name, token);
    this.#byHash.set(idKey(token.hash), token);
    this.book.ledger.dirty.tokens.add(token);
    await this.book.flush();
  }

  /** Errors: UNAUTHENTICATED, PERMISSION_DENIED. */
  authenticate(secret: string | undefined, scope: TokenScope): TokenEntry {
    const token = secret === undefined ? undefined : this.#byHash.get(idKey(hashOf(secret)));
    if (token === undefined || token.revoked)
      throw new WeftError(
        'UNAUTHENTICATED',
        'the wallet wants metadata "authorization: Bearer <token>" with a token it knows',
      );
    const { expiresAtSec } = token.limits;
    if (expiresAtSec !== undefined && expiresAtSec <= this.nowSec())
      throw new WeftError('UNAUTHENTICATED', `token "${token.name}" has expired`);
    if (!includes[token.scope].includes(scope))
      throw new WeftError('PERMISSION_DENIED', `token "${token.name}" has scope ${token.scope}; this needs ${scope}`, {
        needed: scope,
        scope: token.scope,
      });
    return token;
  }

  /** Errors: NOT_FOUND. */
  async revoke(name: string): Promise<void> {
    const token = this.book.tokens.get(name);
    if (token === undefined) throw new WeftError('NOT_FOUND', `there is no token "${name}"`, { field: 'name' });
    token.revoked = true;
    this.book.ledger.dirty.tokens.add(token);
    await this.book.flush();
  }

  list(): readonly TokenEntry[] {
    return [...this.book.tokens.values()];
  }
}

/** A lookup by hash tells nothing about the secret by its timing. */
const hashOf = (secret: string): Buffer => hash('sha256', secret, 'buffer');
