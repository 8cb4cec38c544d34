import { OcrServiceDefinition } from 'weft/protos/models/ocr/v1/ocr';
import { service } from 'weft/workflow';

const ocr = service(OcrServiceDefinition, {
  maxPrice: '5000',
  settle: 'job',
  evaluator: 'workflow',
  accept: { recognize: ({ text }) => text.includes('Thank you') },
});

/** One step, paid only if the page says thank you. */
export const checkedScan = async (image: Uint8Array): Promise<string> => (await ocr.recognize({ image })).text;
