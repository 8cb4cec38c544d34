import { readFileSync } from 'node:fs';
import type { Client } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import type { ServiceDefinition } from '#core/service-definition.js';
import { connect } from '#payments/rpc/connect.js';
import { typedClient } from '#payments/rpc/typed-client.js';
import { HealthDefinition, HealthCheckResponse_ServingStatus as Serving } from '#protos/grpc/health/v1/health.js';
import { EntitiesServiceDefinition } from '#protos/models/entities/v1/entities.js';
import { LanguageServiceDefinition } from '#protos/models/language/v1/language.js';
import { ModerationServiceDefinition } from '#protos/models/moderation/v1/moderation.js';
import { OcrServiceDefinition } from '#protos/models/ocr/v1/ocr.js';
import { SuperResolutionServiceDefinition } from '#protos/models/superres/v1/superres.js';
import { type NodeProcess, spawnNode } from '#test/support/spawn-node.js';
import { type ModelName, modelNamed, modelNames } from './models.js';
import { blankPng } from './testing/blank-png.js';

const picture = (name: string) => readFileSync(new URL(`../../examples/${name}`, import.meta.url));
const scan = picture('scan.png');
const smallScan = picture('small-scan.png');

const scanText = `Harbour Books & Maps
12 Quay Street, Galway
Invoice 2024-0317 Date: March 14, 2024
Dear Ms. Keane,
Thank you for your order. It was a wonderful pleasure to help you
choose such beautiful books, and we are delighted that the school
library loves them.
Title Copies Price Amount
The Curious Cook, hardcover 2 24.50 49.00
Atlas of Quiet Rivers 3 31.00 93.00
A Field Guide to Clouds 9 22.95 206.55
Total due: $348.55
Please pay before April 2, 2024. If you have any questions, write to
orders@harbourbooks.example or see https://harbourbooks.example
We hope to see you again soon, with kind regards,
Eoin Walsh`;

const smallScanText = `Harbour Books & Maps
Receipt of May 3, 2024
A Field Guide to Clouds
Paid: $22.95, thank you!
We are happy that you love it.
Write to us any time:
orders@harbourbooks.example
12 Quay Street, Galway`;

interface Served {
  readonly process: NodeProcess;
  readonly addresses: Record<ModelName, string>;
  readonly metrics: string;
}

async function serve(entry: string, names: readonly ModelName[]): Promise<Served> {
  const process = spawnNode(entry);
  const [line] = await process.waitForLine(/.*"msg":"ready".*/);
  for (const name of names) await process.waitForLine(new RegExp(`"model":"${name}".*"msg":"model loaded"`));
  return { process, ...JSON.parse(line) };
}

const clients: Client[] = [];
function client<const D extends ServiceDefinition>(definition: D, address: string) {
  const connected = connect(address);
  clients.push(connected);
  return typedClient(definition, connected, { deadlineMs: 60_000 });
}
afterAll(() => {
  for (const each of clients) each.close();
});

const refusal = (call: Promise<unknown>) =>
  call.then(
    () => 'answered',
    (error) => error.reason,
  );

describe('all models in one process', () => {
  let served: Served;
  beforeAll(async () => {
    served = await serve('services/models/main.ts', modelNames);
  });

  const moderation = () => client(ModerationServiceDefinition, served.addresses.moderation);
  const ocr = () => client(OcrServiceDefinition, served.addresses.ocr);
  const superResolution = () => client(SuperResolutionServiceDefinition, served.addresses.superres);
  const language = () => client(LanguageServiceDefinition, served.addresses.language);
  const entities = () => client(EntitiesServiceDefinition, served.addresses.entities);

  it('each on a port of its own, with health, metrics and health of the process', async () => {
    expect(new Set(Object.values(served.addresses)).size).toBe(modelNames.length);
    for (const name of modelNames) {
      const service = modelNamed(name).definition.fullName;
      const { status } = await client(HealthDefinition, served.addresses[name]).check({ service });
      expect(status).toBe(Serving.SERVING);
    }
    await language().identify({ text: 'Good morning to all of you.' });
    expect((await fetch(`${served.metrics}/healthz`)).status).toBe(200);
    expect(await (await fetch(`${served.metrics}/metrics`)).text()).toContain(
      'weft_rpc_duration_seconds_count{app="models",method="/models.language.v1.LanguageService/Identify",code="OK"} 1',
    );
  });

  it('read a scanned page, with the place of each line', async () => {
    const { text, lines } = await ocr().recognize({ image: scan });
    expect(text).toBe(scanText);
    expect(lines.map((line) => line.text).join('\n')).toBe(text);
    for (const { box, confidence } of lines) {
      expect(confidence).toBeGreaterThan(0.8);
      expect(box!.left).toBeGreaterThan(50);
      expect(box!.left + box!.width).toBeLessThan(1_100);
      expect(box!.height).toBeGreaterThan(20);
      expect(box!.height).toBeLessThan(120);
    }
    const tops = lines.map(({ box }) => box!.top);
    expect(tops).toEqual([...tops].sort((a, b) => a - b));
  });

  it('read a small scan right once it is enlarged, and wrong before', async () => {
    expect((await ocr().recognize({ image: smallScan })).text).not.toBe(smallScanText);
    const { image, width, height } = await superResolution().upscale({ image: smallScan });
    expect({ width, height }).toEqual({ width: 348, height: 264 });
    expect(await sharp(image).metadata()).toMatchObject({ format: 'png', width, height });
    expect((await ocr().recognize({ image })).text).toBe(smallScanText);
  });

  it('enlarge to the same picture, only larger', async () => {
    const side = 140; // More than one tile.
    const original = await sharp(scan).extract({ left: 200, top: 350, width: side, height: side }).png().toBuffer();
    const { image } = await superResolution().upscale({ image: original });
    const grey = (bytes: Uint8Array) => sharp(bytes).resize(side, side).greyscale().raw().toBuffer();
    const [before, after] = [await grey(original), await grey(image)];
    const difference = before.reduce((sum, value, i) => sum + Math.abs(value - after[i]!), 0) / before.length;
    expect(difference).toBeLessThan(4);
  });

  it('enlarge piece by piece without a seam', async () => {
    const cut = (left: number, width: number) =>
      sharp(scan)
        .extract({ left: 200 + left, top: 350, width, height: 40 })
        .png()
        .toBuffer();
    const enlarge = async (image: Uint8Array) => sharp((await superResolution().upscale({ image })).image);
    // Pieces meet at 128. Ten pixels from its border a picture looks as it would within a larger one.
    const whole = (await enlarge(await cut(0, 180))).extract({ left: 220, top: 0, width: 72, height: 80 });
    const around = (await enlarge(await cut(100, 60))).extract({ left: 20, top: 0, width: 72, height: 80 });
    const [expected, seen] = [await around.raw().toBuffer(), await whole.raw().toBuffer()];
    expect(Math.max(...expected.map((value, i) => Math.abs(value - seen[i]!)))).toBeLessThanOrEqual(1);
  });

  it('find no text on a blank page', async () => {
    expect(await ocr().recognize({ image: blankPng(300, 200) })).toEqual({ text: '', lines: [] });
  });

  it('call a page of text safe', async () => {
    const { safe, classes } = await moderation().classify({ image: scan });
    expect(safe).toBe(true);
    expect(new Set(classes.map(({ name }) => name))).toEqual(new Set(['drawing', 'hentai', 'neutral', 'porn', 'sexy']));
    expect(classes.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 4);
    const probabilities = classes.map(({ probability }) => probability);
    expect(probabilities).toEqual([...probabilities].sort((a, b) => b - a));
  });

  it('say the language, the entities and the mood of what was read', async () => {
    expect(await language().identify({ text: scanText })).toMatchObject({ language: 'en', reliable: true });
    expect((await language().listLanguages({})).languages).toContain('en');
    const found = (await entities().extract({ text: scanText })).entities;
    expect(found).toEqual(
      expect.arrayContaining([
        { type: 'DATE', text: 'March 14, 2024' },
        { type: 'MONEY', text: '$348.55' },
        { type: 'EMAIL', text: 'orders@harbourbooks.example' },
        { type: 'URL', text: 'https://harbourbooks.example' },
      ]),
    );
    expect((await entities().sentiment({ text: scanText })).score).toBeGreaterThan(0.1);
    const streamed = [];
    for await (const { entity } of entities().streamEntities({ text: scanText })) streamed.push(entity);
    expect(streamed).toEqual(found);
  });

  describe('refuse', () => {
    const corner = sharp(scan).extract({ left: 100, top: 80, width: 500, height: 400 });
    const jpeg = async () => (await corner.jpeg().toBuffer()).subarray(0, 10_000);
    const images: [string, () => Uint8Array | Promise<Uint8Array>, string][] = [
      ['an empty file', () => new Uint8Array(), 'BAD_IMAGE'],
      ['what is not an image', () => Buffer.from('%PDF-1.7 not an image'), 'BAD_IMAGE'],
      ['a JPEG that breaks off', jpeg, 'BAD_IMAGE'],
      ['T64 100 megapixels', () => blankPng(10_000, 10_000), 'IMAGE_TOO_LARGE'],
      ['more than 10 MiB', () => Buffer.alloc(10 * 2 ** 20 + 1), 'IMAGE_TOO_LARGE'],
    ];
    it.each(images)('%s', async (_, make, reason) => {
      const image = await make();
      expect(await refusal(moderation().classify({ image }))).toBe(reason);
      expect(await refusal(ocr().recognize({ image }))).toBe(reason);
      expect(await refusal(superResolution().upscale({ image }))).toBe(reason);
    });

    it('to enlarge half a megapixel and one', async () => {
      expect(await refusal(superResolution().upscale({ image: blankPng(1_000, 501) }))).toBe('IMAGE_TOO_LARGE');
    });

    it.each([
      ['no text', '', 'EMPTY_TEXT'],
      ['white space', ' \n', 'EMPTY_TEXT'],
      ['100,001 characters', 'a'.repeat(100_001), 'TEXT_TOO_LONG'],
    ])('%s', async (_, text, reason) => {
      expect(await refusal(language().identify({ text }))).toBe(reason);
      expect(await refusal(entities().extract({ text }))).toBe(reason);
      expect(await refusal(entities().sentiment({ text }))).toBe(reason);
      const stream = entities().streamEntities({ text })[Symbol.asyncIterator]();
      expect(await refusal(stream.next())).toBe(reason);
    });

    it('T66 calls when too many wait, and serve those that do', async () => {
      const image = blankPng(100, 100);
      const service = superResolution();
      const ends = await Promise.all(Array.from({ length: 60 }, () => refusal(service.upscale({ image }))));
      expect(new Set(ends)).toEqual(new Set(['answered', 'OVERLOADED']));
      expect(ends.filter((end) => end === 'answered').length).toBeGreaterThanOrEqual(17);
      expect(await refusal(service.upscale({ image }))).toBe('answered');
    });
  });

  it('T66 answer others while a large picture is enlarged', async () => {
    let enlarged = false;
    const long = superResolution()
      .upscale({ image: blankPng(400, 400) })
      .then(() => {
        enlarged = true;
      });
    await moderation().classify({ image: scan });
    for (let i = 0; i < 20; i++) await language().identify({ text: scanText });
    expect(enlarged).toBe(false);
    await long;
  });
});

describe('each model alone', () => {
  const calls: Record<ModelName, (address: string) => Promise<unknown>> = {
    moderation: (address) => client(ModerationServiceDefinition, address).classify({ image: smallScan }),
    ocr: (address) => client(OcrServiceDefinition, address).recognize({ image: smallScan }),
    superres: (address) => client(SuperResolutionServiceDefinition, address).upscale({ image: blankPng(8, 8) }),
    language: (address) => client(LanguageServiceDefinition, address).identify({ text: scanText }),
    entities: (address) => client(EntitiesServiceDefinition, address).extract({ text: scanText }),
  };

  it.each(modelNames)('%s starts, answers and ends', async (name) => {
    const { process, addresses } = await serve(`services/models/${name}/main.ts`, [name]);
    expect(Object.keys(addresses)).toEqual([name]);
    await expect(calls[name](addresses[name])).resolves.toBeDefined();
    await process.stop();
    expect(await process.exited).toEqual({ code: 0, signal: null });
  });

  it('refuses a configuration that is wrong', async () => {
    const process = spawnNode('services/models/language/main.ts', { env: { WEFT_LANGUAGE_PORT: 'none' } });
    await process.waitForLine(/WEFT_LANGUAGE_PORT is wrong/);
    expect((await process.exited).code).toBe(1);
  });
});
