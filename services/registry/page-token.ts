import { WeftError } from '#core/errors.js';

/** Tokens say where a page begins; callers hand them back as they are. */
export const writePageToken = (next: bigint | undefined): string =>
  next === undefined ? '' : Buffer.from(`before:${next}`, 'utf8').toString('base64url');

/** Undefined for the first page. */
export function readPageToken(token: string): bigint | undefined {
  if (token === '') return undefined;
  const match =
    token.length <= 64 ? /^before:([1-9][0-9]{0,17})$/.exec(Buffer.from(token, 'base64url').toString()) : null;
  if (match?.[1] === undefined)
    throw new WeftError('INVALID_INPUT', 'pageToken must be one that this registry gave', { field: 'pageToken' });
  return BigInt(match[1]);
}
