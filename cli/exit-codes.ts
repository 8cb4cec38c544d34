import type { WeftError } from '#core/errors.js';

/** What the process answers its caller with. */
export const exitCodes = { ok: 0, refused: 1, usage: 2, partDown: 3 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const exitCodeOf = (error: WeftError): ExitCode =>
  error.code === 'UNAVAILABLE' ? exitCodes.partDown : exitCodes.refused;
