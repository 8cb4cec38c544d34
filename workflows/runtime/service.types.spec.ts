import { expect, it } from '@jest/globals';
import { EntitiesServiceDefinition } from '#protos/models/entities/v1/entities.js';
import { OcrServiceDefinition } from '#protos/models/ocr/v1/ocr.js';
import { service } from './service.js';

// The compiler is the test: each line below an @ts-expect-error must be an error, each other line must not be.
async function compiles(): Promise<void> {
  const ocr = service(OcrServiceDefinition, { maxPrice: '2000', prefer: 'cheapest' });
  const entities = service(EntitiesServiceDefinition, { maxPrice: { extract: '10' }, calls: { extract: 3 } });

  const { text, lines } = await ocr.recognize({ image: new Uint8Array() });
  const confidence: number = lines[0]?.confidence ?? text.length;
  const { response, receipt } = await ocr.recognize.withReceipt({});
  const left: number | undefined = response.lines[0]?.box?.left;
  const signer: string | undefined = receipt?.signer;

  const messages = await entities.streamEntities({ text });
  const types: (string | undefined)[] = messages.map(({ entity }) => entity?.type);
  const count: number = await entities.streamEntities.reduce({ text }, (n) => n + 1, 0);

  const careful = service(EntitiesServiceDefinition, {
    maxPrice: '10',
    settle: 'job',
    evaluator: 'workflow',
    accept: { extract: ({ entities: found }) => found.length > 0 },
  });
  const job = await careful.extract.job({ text });
  const found: string | undefined = job.response.entities[0]?.type;
  await job.approve();
  const { entities: accepted } = await careful.extract({ text });
  // @ts-expect-error a job pays no stream
  void careful.streamEntities;
  // @ts-expect-error jobs have an evaluator
  service(EntitiesServiceDefinition, { maxPrice: '10', settle: 'job' });
  // @ts-expect-error who is an address or the workflow
  service(EntitiesServiceDefinition, { maxPrice: '10', settle: 'job', evaluator: 'me' });
  // @ts-expect-error no job without `settle`
  void entities.extract.job;

  // @ts-expect-error no such method
  await ocr.translate({});
  // @ts-expect-error no such field
  await ocr.recognize({ picture: new Uint8Array() });
  // @ts-expect-error wrong type of field
  await ocr.recognize({ image: 'base64' });
  // @ts-expect-error no such field in the response
  void (await ocr.recognize({})).language;
  // @ts-expect-error a unary step cannot be reduced
  await ocr.recognize.reduce({}, (n: number) => n, 0);
  // @ts-expect-error a stream gives a list
  void (await entities.streamEntities({ text })).entity;
  // @ts-expect-error a price is required
  service(OcrServiceDefinition, {});
  // @ts-expect-error prices are decimal strings
  service(OcrServiceDefinition, { maxPrice: 2000 });
  // @ts-expect-error no such method to price
  service(OcrServiceDefinition, { maxPrice: { translate: '1' } });

  void [confidence, left, signer, types, count, found, accepted];
}

it('gives stubs the types of their contract', () => {
  expect(compiles).toBeInstanceOf(Function);
});
