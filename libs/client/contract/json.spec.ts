import { readFileSync } from 'node:fs';
import { create, toBinary } from '@bufbuild/protobuf';
import { FieldDescriptorProto_Type as Type } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { RecognizeRequest, RecognizeResponse } from '#protos/models/ocr/v1/ocr.js';
import { contractOf, field, repeated, setWith } from '#test/support/contracts.js';
import { decodeToJson, encodeJson } from './json-codec.js';
import { jsonSchemaOf } from './json-schema.js';
import { methodOf, methodsOf } from './methods.js';
import { readContract } from './read-contract.js';

const ocr = readContract(readFileSync('protos/gen/weft.binpb'), 'models.ocr.v1.OcrService');
const recognize = methodOf(ocr, 'Recognize');

/** A contract with one field of every sort. */
const sorts = contractOf(
  setWith({
    field: [
      field('big', 1, Type.UINT64),
      field('small_number', 2, Type.INT32),
      field('list', 3, Type.STRING, repeated),
      field('self', 4, Type.MESSAGE, { typeName: '.a.v1.M' }),
      field('map', 5, Type.MESSAGE, { typeName: '.a.v1.M.MapEntry', ...repeated }),
      field('kind', 6, Type.ENUM, { typeName: '.a.v1.M.Kind' }),
      field('ratio', 7, Type.DOUBLE),
      field('left', 8, Type.BOOL, { oneofIndex: 0 }),
      field('right', 9, Type.BOOL, { oneofIndex: 0 }),
      field('items', 10, Type.MESSAGE, { typeName: '.a.v1.M', ...repeated }),
    ],
    oneofDecl: [{ name: 'side' }],
    nestedType: [
      {
        name: 'MapEntry',
        options: { mapEntry: true },
        field: [field('key', 1), field('value', 2, Type.MESSAGE, { typeName: '.a.v1.M' })],
      },
    ],
    enumType: [
      {
        name: 'Kind',
        value: [
          { name: 'NONE', number: 0 },
          { name: 'SOME', number: 1 },
        ],
      },
    ],
  }),
);
const message = methodOf(sorts, 'a.v1.S/Do').input;
const encode = (json: unknown) => encodeJson(message, json, sorts.registry);
const decode = (bytes: Uint8Array) => decodeToJson(message, bytes, sorts.registry);

describe('the JSON of messages', () => {
  it('is the same message as generated code makes', () => {
    const image = Buffer.from('an image');
    const bytes = encodeJson(recognize.input, { image: image.toString('base64') }, ocr.registry);
    expect(Buffer.from(bytes)).toEqual(Buffer.from(RecognizeRequest.encode({ image }).finish()));
    const response = RecognizeResponse.fromPartial({ text: 'a', lines: [{ text: 'a', confidence: 0.5 }] });
    expect(decodeToJson(recognize.output, RecognizeResponse.encode(response).finish(), ocr.registry)).toEqual({
      text: 'a',
      lines: [{ text: 'a', confidence: 0.5 }],
    });
  });

  it('comes back as it was', () => {
    const json = {
      big: '18446744073709551615',
      smallNumber: -1,
      list: ['a', ''],
      map: { __proto__x: {}, k: { big: '1' } },
      kind: 'SOME',
      ratio: 'NaN',
      right: true,
      items: [{ smallNumber: 2 }],
    };
    expect(decode(encode(json))).toMatchObject(json);
  });

  it('T58 goes by the names that the digest covers, whatever JSON names somebody wrote beside them', () => {
    const set = setWith({
      field: [field('to', 1, Type.STRING, { jsonName: 'from' }), field('from', 2, Type.STRING, { jsonName: 'to' })],
    });
    const { registry, descriptor } = contractOf(set);
    const input = descriptor.methods[0]!.input;
    expect([...encodeJson(input, { to: 'a' }, registry)]).toEqual([0x0a, 1, 97]);
    expect(decodeToJson(input, Buffer.from([0x0a, 1, 97]), registry)).toEqual({ to: 'a', from: '' });
  });

  it('shows what is unset', () => {
    expect(decode(new Uint8Array(0))).toEqual({
      big: '0',
      smallNumber: 0,
      list: [],
      map: {},
      kind: 'NONE',
      ratio: 0,
      items: [],
    });
  });

  it.each<[unknown, string]>([
    [{ nothing: 1 }, 'nothing'],
    [{ smallNumber: 'x' }, 'smallNumber'],
    [{ small_number: 1.5 }, 'small_number'],
    [{ smallNumber: 2 ** 40 }, 'smallNumber'],
    [{ big: '-1' }, 'big'],
    [{ list: 'x' }, 'list'],
    [{ list: ['a', 'b', 3] }, 'list[2]'],
    [{ self: { self: { list: [null] } } }, 'self.self.list[0]'],
    [{ self: [] }, 'self'],
    [{ items: [{}, { kind: 'OTHER' }] }, 'items[1].kind'],
    [{ map: { k: { ratio: 'much' } } }, 'map["k"].ratio'],
    [{ left: true, right: true }, 'a.v1.M'],
    [[], 'a.v1.M'],
    [null, 'a.v1.M'],
    ['text', 'a.v1.M'],
    [undefined, 'a.v1.M'],
    [JSON.parse('{"__proto__": {"x": 1}}'), '__proto__'],
    [{ constructor: 1 }, 'constructor'],
  ])('that does not fit is refused with its path: %j', (json, path) => {
    expect(() => encode(json)).toThrow(
      expect.objectContaining({ reason: 'INVALID_JSON', details: { field: path, message: 'a.v1.M' } }),
    );
  });

  it('that names the field of bytes which are no base64', () => {
    expect(() => encodeJson(recognize.input, { image: '%%' }, ocr.registry)).toThrow(
      expect.objectContaining({ reason: 'INVALID_JSON', details: expect.objectContaining({ field: 'image' }) }),
    );
  });

  it('T55 is refused where it goes deeper than any message may', () => {
    let json: object = {};
    for (let i = 0; i < 5_000; i++) json = { self: json };
    expect(() => encode(json)).toThrow(expect.objectContaining({ reason: 'INVALID_JSON' }));
    let bytes = new Uint8Array(0);
    for (let i = 0; i < 300; i++) bytes = Buffer.concat([Buffer.from([0x22]), varint(bytes.length), bytes]);
    expect(() => decode(bytes)).toThrow(expect.objectContaining({ reason: 'SERVICE_FAILED' }));
  });

  it('T54 does not touch a prototype, whatever the keys of a map are called', () => {
    const json = JSON.parse('{"map": {"__proto__": {"big": "1"}, "constructor": {}}}');
    const back = decode(encode(json)) as { map: object };
    expect(Object.getOwnPropertyNames(back.map).sort()).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>)['big']).toBeUndefined();
  });

  it('T35 bytes that are no such message are the service’s failure', () => {
    expect(() => decode(Buffer.from([0x0a]))).toThrow(expect.objectContaining({ reason: 'SERVICE_FAILED' }));
  });

  it('is never more than an error', () => {
    fc.assert(
      fc.property(
        fc.object({
          key: fc.constantFrom('big', 'list', 'self', 'map', 'kind', 'items', '__proto__', 'x'),
          maxDepth: 5,
        }),
        (json) => {
          try {
            decode(encode(json));
          } catch (error) {
            expect(error).toMatchObject({ reason: 'INVALID_JSON' });
          }
        },
      ),
    );
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toMatchObject({ reason: 'SERVICE_FAILED' });
        }
      }),
    );
  });

  it('is that of the standard types', () => {
    const Any = contractOf(setWith({ field: [field('x', 1)] }));
    expect(encodeJson(methodOf(Any, 'Do').input, { x: 'a' }, Any.registry)).toHaveLength(3);
    expect(toBinary(message, create(message))).toHaveLength(0);
  });
});

const varint = (n: number): Buffer => (n < 128 ? Buffer.from([n]) : Buffer.from([(n & 127) | 128, n >> 7]));

describe('JSON Schema of a message', () => {
  it('describes the shipped contract, comments included', () => {
    expect(jsonSchemaOf(ocr, recognize.input)).toMatchObject({
      type: 'object',
      properties: { image: { type: 'string', contentEncoding: 'base64', description: 'The encoded picture.' } },
      additionalProperties: false,
    });
    expect(jsonSchemaOf(ocr, recognize.output)).toMatchObject({
      properties: { lines: { type: 'array', items: { $ref: '#/$defs/models.ocr.v1.Line' } } },
      $defs: { 'models.ocr.v1.Line': { properties: { confidence: { description: '0 to 1.' } } } },
    });
  });

  it('covers every sort of field, and messages that contain themselves', () => {
    expect(jsonSchemaOf(sorts, message)).toMatchObject({
      description: 'At most one of: left, right.',
      properties: {
        big: { type: 'string' },
        smallNumber: { type: 'integer' },
        list: { type: 'array', items: { type: 'string' } },
        self: { $ref: '#/$defs/a.v1.M' },
        map: { type: 'object', additionalProperties: { $ref: '#/$defs/a.v1.M' } },
        kind: { type: 'string', enum: ['NONE', 'SOME'] },
        ratio: { anyOf: [{ type: 'number' }, { enum: ['NaN', 'Infinity', '-Infinity'] }] },
      },
      $defs: { 'a.v1.M': { properties: { self: { $ref: '#/$defs/a.v1.M' } } } },
    });
  });
});

describe('methods of a contract', () => {
  it('are found by short and by full name', () => {
    expect(methodOf(ocr, 'models.ocr.v1.OcrService/Recognize')).toMatchObject({
      name: 'Recognize',
      fullName: 'models.ocr.v1.OcrService/Recognize',
      path: '/models.ocr.v1.OcrService/Recognize',
      responseStream: false,
    });
    expect(methodsOf(ocr)).toHaveLength(1);
  });

  it.each(['recognize', 'Other', '__proto__', 'other.v1.S/Recognize'])('are refused as %s', (name) => {
    expect(() => methodOf(ocr, name)).toThrow(expect.objectContaining({ reason: 'UNKNOWN_METHOD' }));
  });
});
