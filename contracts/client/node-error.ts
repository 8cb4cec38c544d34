/** What a node answered instead of a result (JSON-RPC). Nothing of it can be relied on. */
export interface NodeError {
  readonly code?: unknown;
  readonly message?: unknown;
}

/** That of an error of ethers', which puts it in different places; empty if the node answered none. */
export function nodeError(error: unknown): NodeError {
  const { error: inner, info } = (error ?? {}) as { error?: NodeError; info?: { error?: NodeError } };
  return inner?.message === undefined ? (info?.error ?? inner ?? {}) : inner;
}
