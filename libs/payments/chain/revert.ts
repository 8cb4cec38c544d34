import { type Interface, isHexString } from 'ethers';
import { fromRevert, WeftError } from '#core/errors.js';

/** Explains what a node or contract answered: by the contract's own error if one of `interfaces` knows it. */
export function decodeRevert(error: unknown, interfaces: readonly Interface[]): WeftError {
  if (error instanceof WeftError) return error;
  const data = revertData(error);
  for (const each of data === undefined ? [] : interfaces) {
    const known = each.parseError(data as string);
    if (known !== null) return fromRevert(known.name, known.args.toArray());
  }
  const message = shortMessage(error);
  if (/insufficient funds/i.test(message))
    return new WeftError(
      'FUNDS_TOO_LOW',
      'the sending key has too little of the chain’s own coin for gas',
      {},
      { cause: error },
    );
  return new WeftError('TRANSACTION_REVERTED', `the chain refused: ${message}`, {}, { cause: error });
}

/** Nodes and ethers put the returned bytes in different places. */
function revertData(error: unknown): string | undefined {
  for (let at: unknown = error, depth = 0; typeof at === 'object' && at !== null && depth < 5; depth++) {
    const { data, error: inner, info } = at as { data?: unknown; error?: unknown; info?: { error?: unknown } };
    if (typeof data === 'string' && isHexString(data) && data.length >= 10) return data;
    at = inner ?? info?.error;
  }
  return undefined;
}

function shortMessage(error: unknown): string {
  const {
    shortMessage,
    error: inner,
    info,
  } = error as {
    shortMessage?: unknown;
    error?: { message?: unknown };
    info?: { error?: { message?: unknown } };
  };
  const text = inner?.message ?? info?.error?.message ?? shortMessage ?? (error instanceof Error ? error.message : '');
  return String(text).slice(0, 300);
}
