/** Collects the values of a repeated option for commander. */
export const collect = (text: string, before: readonly string[] = []): string[] => [...before, text];
