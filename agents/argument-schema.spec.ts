import { AgentFiles } from './agent-files.js';
import { argumentSchema, withFiles, withoutBytes } from './argument-schema.js';

const schema = {
  type: 'object',
  properties: {
    image: { type: 'string', contentEncoding: 'base64', description: 'The picture.' },
    pages: { type: 'array', items: { $ref: '#/$defs/a.v1.Page' } },
    more: { type: 'object', additionalProperties: { type: 'string', contentEncoding: 'base64' } },
    text: { type: 'string' },
  },
  additionalProperties: false,
  $defs: {
    'a.v1.Page': {
      type: 'object',
      properties: {
        scan: { type: 'string', contentEncoding: 'base64' },
        next: { $ref: '#/$defs/a.v1.Page' },
      },
    },
  },
};

test('a model is asked for the name of a file where the contract wants bytes', () => {
  const asked = argumentSchema(schema) as typeof schema;
  expect(asked.properties.image).toEqual({ type: 'string', description: 'The picture. Name of one of your files.' });
  expect(asked.$defs['a.v1.Page'].properties.scan).toEqual({
    type: 'string',
    description: 'Name of one of your files.',
  });
  expect(asked.properties.text).toEqual({ type: 'string' });
  expect(asked.additionalProperties).toBe(false);
});

test('names of files become their bytes, at every depth', () => {
  const files = new AgentFiles({ 'a.png': Buffer.from('A'), 'b.png': Buffer.from('B') });
  const pages = [{ scan: 'b.png', next: { scan: 'a.png' } }];
  expect(withFiles(schema, { image: 'a.png', pages, more: { x: 'b.png' }, text: 'a.png' }, files)).toEqual({
    image: 'QQ==',
    pages: [{ scan: 'Qg==', next: { scan: 'QQ==' } }],
    more: { x: 'Qg==' },
    text: 'a.png',
  });
});

test('an unknown file is refused with the path of its field', () => {
  expect(() => withFiles(schema, { pages: [{}, { scan: 'c.png' }] }, new AgentFiles())).toThrow(
    'pages.1.scan: there is no file "c.png"',
  );
});

test('bytes in an answer become files with names', () => {
  const files = new AgentFiles();
  expect(withoutBytes(schema, { image: 'QQ==', text: 'QQ==' }, files)).toEqual({ image: 'result-1', text: 'QQ==' });
  expect(Buffer.from(files.get('result-1', '')).toString()).toBe('A');
});

test('arguments that do not fit the schema are left for the contract to refuse', () => {
  const odd = { image: 5, constructor: { image: 'a.png' }, pages: 'none' };
  expect(withFiles(schema, odd, new AgentFiles())).toEqual(odd);
});
