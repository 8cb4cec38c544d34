import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import {
  type DescriptorProto,
  type FileDescriptorSet,
  FileDescriptorSetSchema,
  FileOptionsSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { toHex } from '#core/hex.js';
import { contractDigests } from '#protos/contract-digests.js';
import { contractOf, field, setWith } from '#test/support/contracts.js';
import { contractLimits } from './limits.js';
import { readContract, servicesOf } from './read-contract.js';

const shipped = readFileSync('protos/gen/weft.binpb');
const OCR = 'models.ocr.v1.OcrService';

describe('contract digests', () => {
  it('are the same however a server describes the service', () => {
    const digest = readContract(shipped, OCR).digest;
    const set = fromBinary(FileDescriptorSetSchema, shipped);
    // As reflection servers answer: only this file, no comments, no or other JSON names, other order, other options.
    const file = set.file.find(({ name }) => name === 'models/ocr/v1/ocr.proto')!;
    file.sourceCodeInfo = undefined;
    file.messageType.reverse();
    file.options = create(FileOptionsSchema, { goPackage: 'x' });
    file.dependency = ['google/api/annotations.proto'];
    for (const message of file.messageType) {
      message.field.reverse();
      for (const each of message.field) each.jsonName = `json${each.number}`;
    }
    expect(contractOf(create(FileDescriptorSetSchema, { file: [file] }), OCR).digest).toEqual(digest);
    expect(digest).toHaveLength(32);
  });

  it('differ when anything that travels differs', () => {
    const one = { field: [field('x', 1)] };
    const others: Parameters<typeof setWith>[0][] = [
      one,
      { field: [field('y', 1)] },
      { field: [field('x', 2)] },
      { field: [field('x', 1, Type.BYTES)] },
      { field: [{ ...field('x', 1), label: Label.REPEATED }] },
      { field: [{ ...field('x', 1), proto3Optional: true, oneofIndex: 0 }], oneofDecl: [{ name: '_x' }] },
      { field: [{ ...field('x', 1), oneofIndex: 0 }], oneofDecl: [{ name: 'o' }] },
      { field: [field('x', 1), field('z', 2)] },
      { field: [{ ...field('x', 1, Type.INT32), label: Label.REPEATED }] },
      { field: [field('x', 1, Type.INT32, { label: Label.REPEATED, options: { packed: false } })] },
    ];
    const digests = others.map((message) => contractOf(setWith(message)).digest.toString('hex'));
    expect(new Set(digests).size).toBe(digests.length);

    const streaming = setWith(one);
    streaming.file[0]!.service[0]!.method[0]!.serverStreaming = true;
    expect(digests).not.toContain(contractOf(streaming).digest.toString('hex'));
  });

  it('do not depend on defaults being written down, on syntax, or on other services of the file', () => {
    const repeated = { ...field('x', 1, Type.INT32), label: Label.REPEATED };
    const plain = setWith({ field: [repeated] });
    const explicit = setWith({
      field: [field('x', 1, Type.INT32, { label: Label.REPEATED, options: { packed: true } })],
    });
    const edition = setWith({ field: [repeated] });
    Object.assign(edition.file[0]!, { syntax: 'editions', edition: 1000 });
    const more = setWith({ field: [repeated] });
    more.file[0]!.service.push({ ...more.file[0]!.service[0]!, name: 'Other' });
    const digests = [plain, explicit, edition, more].map((set) => contractOf(set).digest.toString('hex'));
    expect(new Set(digests).size).toBe(1);
  });

  it('are the same for what protoc and buf make of one source', () => {
    // protoc is not at hand everywhere; buf built without positions and without the other files stands for it.
    const dir = mkdtempSync(join(tmpdir(), 'weft-contract-'));
    try {
      const source = 'models/ocr/v1/ocr.proto';
      mkdirSync(join(dir, dirname(source)), { recursive: true });
      writeFileSync(join(dir, source), readFileSync(join('protos', source)));
      const out = join(dir, 'out.binpb');
      execFileSync('npx', ['buf', 'build', dir, '--as-file-descriptor-set', '--exclude-source-info', '-o', out]);
      expect(readContract(readFileSync(out), OCR).digest).toEqual(readContract(shipped, OCR).digest);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it('of the shipped services are generated for workflow code', () => {
    expect(Object.keys(contractDigests)).toContain(OCR);
    for (const [service, digest] of Object.entries(contractDigests))
      expect(digest).toBe(toHex(readContract(shipped, service).digest));
  });
});

describe('a contract', () => {
  it('keeps comments by name, without what cannot be seen', () => {
    const { comments } = readContract(shipped, OCR);
    expect(comments.get(`${OCR}.Recognize`)).toContain('Limits: 10 MiB');
    expect(comments.get('models.ocr.v1.RecognizeRequest.image')).toBe('The encoded picture.');
  });

  it('names its services', () => {
    expect(servicesOf(shipped)).toContain(OCR);
  });

  it.each([
    ['a.v1.Nothing', 'has no service'],
    ['models.ocr.v1.Line', 'has no service'],
    ['__proto__', 'has no service'],
  ])('is refused for %s', (service, text) => {
    expect(() => readContract(shipped, service)).toThrow(
      expect.objectContaining({ reason: 'CONTRACT_INVALID', message: expect.stringContaining(text) }),
    );
  });

  it.each([
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    '',
    'a b',
    'а',
    '1a',
    'x'.repeat(129),
  ])('T54 is refused with an element named %j, and no prototype changes', (name) => {
    const before = Object.getOwnPropertyNames(Object.prototype);
    const hostile = [
      setWith({ field: [field(name, 1)] }),
      setWith({ field: [{ ...field('x', 1), oneofIndex: 0 }], oneofDecl: [{ name }] }),
      setWith({ nestedType: [{ name }] }),
      setWith({ enumType: [{ name, value: [{ name: 'A', number: 0 }] }] }),
      setWith({ enumType: [{ name: 'E', value: [{ name, number: 0 }] }] }),
    ];
    const method = setWith({});
    method.file[0]!.service[0]!.method[0]!.name = name;
    const inPackage = setWith({});
    inPackage.file[0]!.package = `a.${name}`;
    for (const set of [...hostile, method, inPackage])
      expect(() => contractOf(set)).toThrow(expect.objectContaining({ reason: 'CONTRACT_INVALID' }));
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  it.each<[string, FileDescriptorSet]>([
    ['two fields of one number', setWith({ field: [field('x', 1), field('y', 1)] })],
    ['a reserved number', setWith({ field: [field('x', 19_000)] })],
    ['the number 0', setWith({ field: [field('x', 0)] })],
    ['a negative number', setWith({ field: [field('x', -5)] })],
    ['no type', setWith({ field: [{ name: 'x', number: 1, label: Label.OPTIONAL }] })],
    ['two names that are one in JSON', setWith({ field: [field('foo_bar', 1), field('fooBar', 2)] })],
    ['a name that is nothing in JSON', setWith({ field: [field('_', 1)] })],
    ['a type that is not there', setWith({ field: [{ ...field('x', 1, Type.MESSAGE), typeName: '.a.v1.Gone' }] })],
    ['a type of the wrong kind', setWith({ field: [{ ...field('x', 1, Type.ENUM), typeName: '.a.v1.M' }] })],
    ['an oneof that is not there', setWith({ field: [{ ...field('x', 1), oneofIndex: 3 }] })],
    ['an empty enum', setWith({ enumType: [{ name: 'E' }] })],
    ['a type twice', setWith({ nestedType: [{ name: 'N' }, { name: 'N' }] })],
    [
      'a broken map',
      setWith({
        nestedType: [{ name: 'XEntry', options: { mapEntry: true } }],
        field: [{ ...field('x', 1, Type.MESSAGE), label: Label.REPEATED, typeName: '.a.v1.M.XEntry' }],
      }),
    ],
    ['no files', create(FileDescriptorSetSchema)],
  ])('is refused with %s', (_, set) => {
    expect(() => contractOf(set)).toThrow(expect.objectContaining({ reason: 'CONTRACT_INVALID' }));
  });

  it('is refused with files twice, in a circle, with odd names, or with a false google.protobuf type', () => {
    const base = setWith({ field: [{ ...field('x', 1, Type.MESSAGE), typeName: '.b.v1.N' }] });
    const other = (typeName: string, name = 'b/v1/b.proto') =>
      create(FileDescriptorSetSchema, {
        file: [
          ...base.file,
          {
            name,
            package: 'b.v1',
            syntax: 'proto3',
            messageType: [{ name: 'N', field: [{ ...field('y', 1, Type.MESSAGE), typeName }] }],
          },
        ],
      });
    expect(contractOf(other('.b.v1.N')).service).toBe('a.v1.S');
    const twice = create(FileDescriptorSetSchema, { file: [...base.file, ...base.file] });
    const timestamp = setWith({ field: [{ ...field('x', 1, Type.MESSAGE), typeName: '.google.protobuf.Timestamp' }] });
    timestamp.file.push(
      create(FileDescriptorSetSchema, {
        file: [
          {
            name: 'google/protobuf/timestamp.proto',
            package: 'google.protobuf',
            messageType: [{ name: 'Timestamp', field: [field('a', 1)] }],
          },
        ],
      }).file[0]!,
    );
    for (const set of [other('.a.v1.M'), other('.b.v1.N', '/etc/a\n.proto'), twice, timestamp])
      expect(() => contractOf(set)).toThrow(expect.objectContaining({ reason: 'CONTRACT_INVALID' }));
  });

  it('is the same with names as they stood in the source', () => {
    const digests = ['.a.v1.M.N', 'a.v1.M.N', 'v1.M.N', 'M.N', 'N'].map((typeName) => {
      const set = setWith({ field: [field('x', 1, Type.MESSAGE, { typeName })], nestedType: [{ name: 'N' }] });
      return contractOf(set).digest.toString('hex');
    });
    expect(new Set(digests).size).toBe(1);
  });

  it('may be recursive', () => {
    const set = setWith({ field: [{ ...field('x', 1, Type.MESSAGE), typeName: '.a.v1.M' }] });
    expect(contractOf(set).descriptor.methods).toHaveLength(1);
  });

  it('I15 is never more than an error for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          readContract(bytes, 'a.v1.S');
        } catch (error) {
          expect(error).toMatchObject({ reason: expect.stringMatching(/^CONTRACT_/) });
        }
      }),
    );
    fc.assert(
      fc.property(fc.nat({ max: shipped.length - 1 }), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const broken = Buffer.from(shipped);
        broken[at] = byte;
        try {
          readContract(broken, OCR);
        } catch (error) {
          expect(error).toMatchObject({ reason: expect.stringMatching(/^CONTRACT_/) });
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe('T53 a schema of others', () => {
  const judge = (...flags: string[]) => {
    const script = ['--import', './test/support/ts-loader.mjs', 'test/support/fixtures/foreign-schemas.ts'];
    const out = execFileSync(process.execPath, [...flags, ...script], { encoding: 'utf8', env: { PATH: '' } });
    return JSON.parse(out) as { ran: boolean; makesCode: boolean; answers: Record<string, string[]> };
  };

  it('never becomes code: whatever it holds, it is read or refused as where no code can be made', () => {
    const free = judge();
    expect(free).toMatchObject({ ran: false, makesCode: true });
    expect(judge('--disallow-code-generation-from-strings')).toEqual({ ...free, makesCode: false });
    const { shipped: ours, jsonName, default: defaults, comment, options, ...names } = free.answers;
    for (const answers of [ours, jsonName, defaults, comment, options])
      expect(new Set(answers)).toEqual(new Set(['read']));
    for (const [place, answers] of Object.entries(names))
      if (!place.startsWith('default'))
        expect([place, ...new Set(answers.slice(0, 8))]).toEqual([place, 'CONTRACT_INVALID']);
  });
});

describe('T52 a descriptor bomb', () => {
  const many = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));
  const nested = (depth: number): Partial<DescriptorProto> =>
    depth === 0 ? { name: 'N' } : { name: 'N', nestedType: [nested(depth - 1) as DescriptorProto] };

  /** A file that is `count` times the bytes of one element with number `no`. */
  function repeated(no: number, element: Uint8Array, count: number): Uint8Array {
    const file = new BinaryWriter().tag(1, WireType.LengthDelimited).string('a/v1/a.proto');
    for (let i = 0; i < count; i++) file.tag(no, WireType.LengthDelimited).bytes(element);
    return new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(file.finish()).finish();
  }

  const bombs: [string, () => Uint8Array][] = [
    ['too many bytes', () => new Uint8Array(contractLimits.bytes + 1)],
    ['too many files', () => Buffer.concat(many(contractLimits.files + 1, () => Buffer.from([0x0a, 0])))],
    [
      'many fields in one message',
      () => toBinary(FileDescriptorSetSchema, setWith({ field: many(1_001, (i) => field(`f${i}`, i + 1)) })),
    ],
    [
      'many fields',
      () =>
        toBinary(
          FileDescriptorSetSchema,
          setWith({ nestedType: many(11, (i) => ({ name: `N${i}`, field: many(400, (j) => field(`f${j}`, j + 1)) })) }),
        ),
    ],
    [
      'many messages',
      () => toBinary(FileDescriptorSetSchema, setWith({ nestedType: many(1_001, (i) => ({ name: `N${i}` })) })),
    ],
    [
      'a huge enum',
      () =>
        toBinary(
          FileDescriptorSetSchema,
          setWith({ enumType: [{ name: 'E', value: many(4_001, (i) => ({ name: `V${i}`, number: i })) }] }),
        ),
    ],
    ['deep nesting', () => toBinary(FileDescriptorSetSchema, setWith({ nestedType: [nested(33) as DescriptorProto] }))],
    [
      'nesting far beyond any stack',
      () => {
        let bytes: Uint8Array = new Uint8Array(0);
        for (let i = 0; i < 20_000; i++)
          bytes = new BinaryWriter()
            .tag(i === 19_999 ? 4 : 3, WireType.LengthDelimited)
            .bytes(bytes)
            .finish();
        return new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(bytes).finish();
      },
    ],
    ['many imports', () => repeated(3, Buffer.from('b.proto'), 60_000)],
    [
      'many options',
      () =>
        repeated(8, new BinaryWriter().tag(999, WireType.LengthDelimited).bytes(new Uint8Array(0)).finish(), 100_000),
    ],
    ['many empty messages', () => repeated(4, new Uint8Array(0), 250_000)],
  ];
  // What nobody needs is not refused, but costs nothing either.
  const ballast: [string, () => Uint8Array][] = [
    [
      'positions',
      () => repeated(9, new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(new Uint8Array(0)).finish(), 120_000),
    ],
    [
      'positions with long paths',
      () =>
        repeated(
          9,
          new BinaryWriter()
            .tag(1, 2)
            .bytes(new BinaryWriter().tag(1, 2).bytes(new Uint8Array(500).fill(1)).tag(3, 2).string('c').finish())
            .finish(),
          900,
        ),
    ],
    ['extensions', () => repeated(7, new Uint8Array(0), 250_000)],
    ['groups', () => Buffer.from(Array.from({ length: 400_000 }, (_, i) => (i < 200_000 ? 0x0b : 0x0c)))],
    [
      'the most that is taken',
      () =>
        toBinary(
          FileDescriptorSetSchema,
          setWith({
            field: [],
            nestedType: many(10, (i) => ({
              name: `N${i}`,
              field: many(195, (j) => ({ ...field(`f${j}`, j + 1, Type.MESSAGE), typeName: `.a.v1.M.N${j % 10}` })),
            })),
            enumType: [{ name: 'E', value: many(1_950, (i) => ({ name: `V${i}`, number: i })) }],
          }),
        ),
    ],
  ];

  it.each(bombs)('of %s is refused', (_, make) => {
    expect(() => readContract(make(), 'a.v1.S')).toThrow(expect.objectContaining({ reason: 'CONTRACT_TOO_LARGE' }));
  });

  it.each([...bombs, ...ballast])('I15 of %s takes at most 200 ms and 64 MB', (_, make) => {
    const bytes = make();
    const attempt = () => {
      const memory = process.memoryUsage();
      const start = process.cpuUsage();
      try {
        readContract(bytes, 'a.v1.S');
      } catch (error) {
        expect(error).toMatchObject({ reason: expect.stringMatching(/^CONTRACT_/) });
      }
      const { user, system } = process.cpuUsage(start);
      const now = process.memoryUsage();
      return { ms: (user + system) / 1000, bytes: now.heapUsed + now.external - memory.heapUsed - memory.external };
    };
    // The best of ten: collecting the garbage of other specs, and other processes, only ever add to it.
    const attempts = Array.from({ length: 10 }, attempt);
    expect(Math.min(...attempts.map(({ ms }) => ms))).toBeLessThan(200);
    expect(Math.min(...attempts.map((each) => each.bytes))).toBeLessThan(64 * 1024 * 1024);
  });
});
