export interface Anvil {
  readonly rpcUrl: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts a local chain on a free port; it ends with its parent at the latest. */
export function startAnvil(flags?: readonly string[]): Promise<Anvil>;
