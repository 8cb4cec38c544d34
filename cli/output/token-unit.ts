import type { Token } from '#contracts/token.js';
import { plainLine } from '#core/plain-text.js';

/** What people count a token in. */
export interface TokenUnit {
  readonly symbol: string;
  readonly decimals: number;
}

/** As the token says, whose symbol anybody may have chosen. Errors: CHAIN_UNAVAILABLE. */
export async function tokenUnit(token: Token): Promise<TokenUnit> {
  const [symbol, decimals] = await Promise.all([token.symbol(), token.decimals()]);
  return { symbol: plainLine(symbol, 20), decimals };
}
