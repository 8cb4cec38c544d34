/** Whether a system error is of this kind ("ENOENT"). Structural: under Jest such errors are of another realm's Error. */
export const hasCode = (error: unknown, code: string): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === code;
