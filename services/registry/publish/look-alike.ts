/*
 * Names are ASCII identifiers already; what remains are ASCII letters that a reader takes for others. Two names with
 * one skeleton look alike; the second to come is refused.
 */

const twins: readonly (readonly [RegExp, string])[] = [
  [/rn/g, 'm'],
  [/vv/g, 'w'],
  [/cl/g, 'd'],
  [/[1il|]/g, 'l'],
  [/0/g, 'o'],
  [/5/g, 's'],
  [/_/g, ''],
];

/** Equal for names that look alike: case, 0 and o, 1, i and l, 5 and s, rn and m, vv and w, cl and d, underscores. */
export const skeletonOf = (name: string): string =>
  twins.reduce((text, [twin, plain]) => text.replace(twin, plain), name.toLowerCase());
