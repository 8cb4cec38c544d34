import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { WeftError } from '#core/errors.js';
import { RecentMap, TokenBucket } from '#platform/rate-limit.js';

export interface Rate {
  /** Tokens that come back each second. */
  readonly perSec: number;
  /** Tokens that may be saved up. */
  readonly burst: number;
}

/** Callers remembered at once. Forgetting one gives it a full bucket, so the number is far above what fits one burst. */
const MAX_BUCKETS = 10_000;

/** Token buckets by name. `now` in milliseconds. */
export class TokenBuckets {
  private readonly buckets = new RecentMap<TokenBucket>(MAX_BUCKETS);

  constructor(
    private readonly rate: Rate,
    private readonly now: () => number = Date.now,
  ) {}

  /** Takes `cost` tokens, or gives the seconds after which there are enough. */
  take(name: string, cost = 1): { readonly ok: true } | { readonly ok: false; readonly retryAfterSec: number } {
    const bucket = this.buckets.get(name) ?? new TokenBucket(this.rate.perSec, this.rate.burst, this.now);
    this.buckets.set(name, bucket);
    if (bucket.take(cost)) return { ok: true };
    return { ok: false, retryAfterSec: Math.max(1, Math.ceil(bucket.secUntil(cost))) };
  }

  get size(): number {
    return this.buckets.size;
  }
}

/** What starts work elsewhere (a run, a quote) costs more than what looks something up. */
const costOf = (request: Request): number => (request.method === 'GET' || request.method === 'HEAD' ? 1 : 5);

/** Limits by whatever `nameOf` makes of a request. */
export const rateLimit =
  (buckets: TokenBuckets, nameOf: (request: Request) => string): RequestHandler =>
  (request: Request, _response: Response, next: NextFunction) => {
    const taken = buckets.take(nameOf(request), costOf(request));
    if (!taken.ok)
      throw new WeftError('OVERLOADED', `too many requests: try again in ${taken.retryAfterSec} s`, {
        retryAfterSec: String(taken.retryAfterSec),
      });
    next();
  };
