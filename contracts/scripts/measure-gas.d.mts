/** Gas by operation; "Each" operations are per entry of a batch. */
export function measureGas(): Promise<Record<string, number>>;
