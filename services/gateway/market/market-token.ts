/** Nest knows parts by classes; the market is an interface. */
export const MARKET = Symbol('market');
