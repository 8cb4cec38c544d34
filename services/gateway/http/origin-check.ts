import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { WeftError } from '#core/errors.js';

/**
 * Refuses what a page of somebody else's sends from a browser (it carries a foreign `Origin`), and names that were
 * bent to our address (DNS rebinding: a `Host` that is not ours). Programs send no `Origin`.
 * `publicUrls`: where the gateway is reached besides loopback, "https://host".
 */
export function originCheck(publicUrls: readonly string[]): RequestHandler {
  const origins = new Set(publicUrls.map((url) => new URL(url).origin));
  const hosts = new Set(publicUrls.map((url) => new URL(url).hostname));
  const isOurs = (hostname: string) => loopback.has(hostname) || hosts.has(hostname);

  return (request: Request, _response: Response, next: NextFunction) => {
    const host = request.headers.host ?? '';
    if (!isOurs(hostnameOf(`http://${host}`)))
      throw new WeftError('PERMISSION_DENIED', 'this host name is not the gateway’s', { field: 'Host' });
    const { origin } = request.headers;
    if (origin !== undefined && !origins.has(origin) && origin !== `http://${host}`)
      throw new WeftError('PERMISSION_DENIED', 'pages of other origins may not call the gateway', { field: 'Origin' });
    next();
  };
}

const loopback = new Set(['127.0.0.1', 'localhost', '[::1]']);

function hostnameOf(url: string): string {
  try {
    return new URL(url).hostname;
  } catch {
    return '';
  }
}
