/** Compiles src/ into out/ unless out/ is up to date. */
export function build(): void;
