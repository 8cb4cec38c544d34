import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { WeftError } from '#core/errors.js';
import type { ApiKey, KeyStore, Scope } from './key-store.js';

const keyOf = new WeakMap<object, ApiKey>();

/** Runs before a body is read, so that strangers cannot make the gateway read one. */
export const authenticate =
  (keys: KeyStore): RequestHandler =>
  (request: Request, _response: Response, next: NextFunction) => {
    if (!isProtected(request.path)) {
      next();
      return;
    }
    const token = /^Bearer ([\w-]{1,128})$/i.exec(request.headers.authorization ?? '')?.[1];
    const key = token === undefined ? undefined : keys.find(token);
    if (key === undefined)
      throw new WeftError('UNAUTHENTICATED', 'send a gateway key: "Authorization: Bearer weft_…"', {
        field: 'Authorization',
      });
    keyOf.set(request, key);
    next();
  };

/** The API's own description is open, and everything that does not exist. */
const isProtected = (path: string): boolean => /^\/v1(\/|$)/i.test(path);

/** Whose request this is. */
export function callerOf(request: object): ApiKey {
  const key = keyOf.get(request);
  if (key === undefined) throw new WeftError('UNAUTHENTICATED', 'send a gateway key');
  return key;
}

export const may = (key: ApiKey, scope: Scope): boolean => key.scopes.includes(scope) || key.scopes.includes('admin');
