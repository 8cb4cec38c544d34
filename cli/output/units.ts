/** Seconds since 1970 as a person reads them. */
export const localTime = (sec: number): string => {
  const at = new Date(sec * 1000);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
};

/** "0x1234…cdef" */
export const shortHex = (hex: string): string => (hex.length > 14 ? `${hex.slice(0, 6)}…${hex.slice(-4)}` : hex);

/** "models.ocr.v1.OcrService/Recognize" as "OcrService/Recognize". */
export const shortMethod = (method: string): string => method.slice(method.lastIndexOf('.', method.indexOf('/')) + 1);
