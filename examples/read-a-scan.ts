import { readFile } from 'node:fs/promises';
import { connect } from 'weft/client';
import { OcrServiceDefinition } from 'weft/protos/models/ocr/v1/ocr';

const weft = await connect();
const ocr = await weft.service(OcrServiceDefinition, { maxPrice: '5000', maxTotal: '50000' });
const { text } = await ocr.recognize({ image: await readFile(process.argv[2] ?? 'examples/scan.png') });
console.log(text);
await weft.close();
