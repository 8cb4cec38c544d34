import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import { WeftError } from '#core/errors.js';
import { toErrorStatus } from '#platform/grpc/error-status.js';
import { RecentMap, TokenBucket } from '#platform/rate-limit.js';

export interface RateLimits {
  /** Tokens a second for each address. */
  readonly perSec: number;
  readonly burst: number;
}

/** What calls cost beyond one token: publishing visits endpoints and asks the chain, searching works the database. */
const costs: ReadonlyMap<string, number> = new Map([
  ['/weft.registry.v1.RegistryService/Publish', 20],
  ['/weft.registry.v1.RegistryService/Search', 3],
  ['/weft.registry.v1.RegistryService/ListListings', 3],
  ['/weft.registry.v1.RegistryService/Watch', 10],
  ['/weft.registry.v1.RegistryService/Deprecate', 5],
]);

const MAX_ADDRESSES = 10_000;

/** A bucket of tokens for each address that calls; OVERLOADED, before the request is read, when it is empty. */
export function limitRate({ perSec, burst }: RateLimits): ServerInterceptor {
  const buckets = new RecentMap<TokenBucket>(MAX_ADDRESSES);
  return (method, call) => {
    const address = call.getPeer().replace(/:\d+$/, '');
    const bucket = buckets.get(address) ?? new TokenBucket(perSec, burst);
    buckets.set(address, bucket);
    const cost = costs.get(method.path) ?? 1;
    if (bucket.take(cost)) return new ServerInterceptingCall(call);
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: () => {
            const waitSec = Math.max(1, Math.ceil(cost / perSec));
            call.sendStatus(
              toErrorStatus(
                new WeftError('OVERLOADED', `too many requests from ${address}: try again in ${waitSec} s`, {
                  retryAfterSec: String(waitSec),
                }),
              ),
            );
          },
        }),
    });
  };
}
