export interface BenchOptions {
  /** Does everything a few times only: shows that the bench works, its figures mean nothing. */
  readonly quick: boolean;
  /** Progress, for people who wait. */
  readonly say: (line: string) => void;
}

export interface Result {
  /** What --json prints, behind the bench's name. */
  readonly figures: Readonly<Record<string, unknown>>;
  /** The same as a table; the first row holds the titles. */
  readonly rows: readonly (readonly string[])[];
}

/** One bench: everything it needs it starts, and ends. */
export type Run = (options: BenchOptions) => Promise<Result>;
