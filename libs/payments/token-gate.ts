import { z } from 'zod';
import type { Hex } from '#core/hex.js';

/** What callers of a listing must hold, besides paying. */
export interface TokenGate {
  readonly standard: 'erc20' | 'erc721' | 'erc1155';
  /** The token's contract, lower case. */
  readonly token: Hex;
  /** Of an ERC-1155; of an ERC-721 the one token that is asked for, or undefined for any. */
  readonly id: bigint | undefined;
  /** In the token's smallest units. */
  readonly atLeast: bigint;
}

/** In the listing's signed docs, under `gate`. */
export const gateSchema = z
  .strictObject({
    standard: z.enum(['erc20', 'erc721', 'erc1155']),
    token: z.string().regex(/^0x[0-9a-fA-F]{40}$/, 'must be an address: 0x and 40 hexadecimal digits'),
    id: z
      .string()
      .regex(/^(0|[1-9][0-9]{0,77})$/, 'must be a whole number, written in decimal')
      .optional(),
    atLeast: z
      .string()
      .regex(/^[1-9][0-9]{0,77}$/, 'must be a whole number from 1 on, written in decimal')
      .default('1'),
  })
  .refine(({ standard, id }) => standard !== 'erc1155' || id !== undefined, 'an erc1155 needs the id of its token')
  .refine(({ standard, id }) => standard !== 'erc20' || id === undefined, 'an erc20 has no id');

export const readGate = ({ standard, token, id, atLeast }: z.output<typeof gateSchema>): TokenGate => ({
  standard,
  token: token.toLowerCase() as Hex,
  id: id === undefined ? undefined : BigInt(id),
  atLeast: BigInt(atLeast),
});

/** The gate of a listing's docs, if they state one; throws for docs that cannot be read. */
export function gateOf(docs: Uint8Array): TokenGate | undefined {
  const { gate } = z.object({ gate: gateSchema.optional() }).parse(JSON.parse(new TextDecoder().decode(docs)));
  return gate && readGate(gate);
}
