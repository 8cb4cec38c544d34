/** An asset in one tenure as the key of a map. */
export const tenureKey = ({ asset, tenure }: { readonly asset: bigint; readonly tenure: number }): string =>
  `${asset}/${tenure}`;
