import { FieldDescriptorProto_Type as Type } from '@bufbuild/protobuf/wkt';
import { contractOf, field, repeated, setWith } from '#test/support/contracts.js';
import { breaks } from './breaks.js';

type Message = Parameters<typeof setWith>[0];
type File = Parameters<typeof setWith>[1];

const between = (before: Message, after: Message, file?: File, fileAfter = file) =>
  breaks(contractOf(setWith(before, file)), contractOf(setWith(after, fileAfter)));

const x = { field: [field('x', 1)] };

describe('breaks', () => {
  it.each<[string, Message, Message]>([
    ['the same', x, x],
    ['a new field', x, { field: [field('x', 1), field('y', 2)] }],
    ['another order', { field: [field('x', 1), field('y', 2)] }, { field: [field('y', 2), field('x', 1)] }],
    ['a sign', { field: [field('x', 1, Type.INT32)] }, { field: [field('x', 1, Type.UINT32)] }],
    ['a new type', x, { ...x, nestedType: [{ name: 'N' }] }],
    ['presence', x, { field: [field('x', 1, Type.STRING, { proto3Optional: true })] }],
  ])('are none with %s', (_, before, after) => expect(between(before, after)).toEqual([]));

  it.each<[string, Message, Message, string]>([
    ['a field that is gone', x, {}, 'a.v1.M.x: field 1 is gone'],
    ['a field with another number', x, { field: [field('x', 2)] }, 'a.v1.M.x: field 1 is gone'],
    ['a renamed field', x, { field: [field('y', 1)] }, 'a.v1.M.x: field 1 is now called y'],
    ['another type', x, { field: [field('x', 1, Type.BYTES)] }, 'a.v1.M.x: was string, is bytes'],
    [
      'a wider number',
      { field: [field('x', 1, Type.INT32)] },
      { field: [field('x', 1, Type.INT64)] },
      'a.v1.M.x: was int32, is int64',
    ],
    ['many for one', x, { field: [field('x', 1, Type.STRING, repeated)] }, 'a.v1.M.x: was a single value, is repeated'],
    [
      'a oneof',
      x,
      { field: [field('x', 1, Type.STRING, { oneofIndex: 0 })], oneofDecl: [{ name: 'o' }] },
      'a.v1.M.x: was in oneof (none), is in o',
    ],
  ])('name %s', (_, before, after, line) => expect(between(before, after)).toEqual([line]));

  it('name what changed inside types that the methods reach, also in recursive ones', () => {
    const inner = (type: Type) => ({
      field: [
        field('self', 1, Type.MESSAGE, { typeName: '.a.v1.M' }),
        field('n', 2, Type.MESSAGE, { typeName: '.a.v1.M.N' }),
        field('e', 3, Type.ENUM, { typeName: '.a.v1.M.E' }),
      ],
      nestedType: [{ name: 'N', field: [field('deep', 1, type)] }],
      enumType: [
        { name: 'E', value: [{ name: 'A', number: 0 }, ...(type === Type.STRING ? [{ name: 'B', number: 1 }] : [])] },
      ],
    });
    expect(between(inner(Type.STRING), inner(Type.BOOL))).toEqual([
      'a.v1.M.N.deep: was string, is bool',
      'a.v1.M.E.B: value 1 is gone',
    ]);
  });

  it('name methods that are gone, stream otherwise, or carry other messages', () => {
    const service = (methods: object[]): File => ({
      service: [{ name: 'S', method: methods }],
      messageType: [{ name: 'M' }, { name: 'O' }],
    });
    const method = (name: string, more: object = {}) => ({
      name,
      inputType: '.a.v1.M',
      outputType: '.a.v1.M',
      ...more,
    });
    expect(
      between(
        {},
        {},
        service([method('Gone'), method('Streams'), method('Other')]),
        service([
          method('Streams', { serverStreaming: true }),
          method('Other', { outputType: '.a.v1.O' }),
          method('New'),
        ]),
      ),
    ).toEqual([
      'a.v1.S.Gone: the method is gone',
      'a.v1.S.Streams: was unary, is server streaming',
      'a.v1.S.Other: its response was a.v1.M, is a.v1.O',
    ]);
  });
});
