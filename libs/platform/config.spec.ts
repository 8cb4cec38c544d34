import { join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { WeftError } from '#core/errors.js';
import { flag, list, loadConfig, port } from './config.js';
import { packageRoot, weftHome } from './home.js';

const schema = z.object({
  PORT: port().default(0).describe('a TCP port'),
  DATABASE_URL: z.url().describe('URL of PostgreSQL, for example postgres://user:password@127.0.0.1:5432/weft'),
  WALLET_TOKEN: z
    .string()
    .regex(/^weft_/, 'must begin with weft_')
    .describe('made by "weft token"'),
  PRIVATE_ENDPOINTS: flag().default(false),
  CONTRACTS: list().default([]),
});
const good = { DATABASE_URL: 'postgres://127.0.0.1/weft', WALLET_TOKEN: 'weft_1' };

describe('loadConfig', () => {
  it('reads typed values and fills in defaults', () => {
    const env = { ...good, PORT: '5000', PRIVATE_ENDPOINTS: 'yes', CONTRACTS: 'a, b,', OTHER: 'ignored' };
    expect(loadConfig(schema, env)).toEqual({ ...good, PORT: 5000, PRIVATE_ENDPOINTS: true, CONTRACTS: ['a', 'b'] });
    expect(loadConfig(schema, { ...good, PORT: '' })).toMatchObject({
      PORT: 0,
      PRIVATE_ENDPOINTS: false,
      CONTRACTS: [],
    });
  });

  it('T40 names every bad variable with a hint, and no value', () => {
    const load = () => loadConfig(schema, { PORT: '70000', WALLET_TOKEN: 'canary-9c1' });
    expect(load).toThrow(WeftError);
    try {
      load();
    } catch (error) {
      const { reason, message, details } = error as WeftError;
      expect(reason).toBe('CONFIG_INVALID');
      expect(Object.keys(details).sort()).toEqual(['DATABASE_URL', 'PORT', 'WALLET_TOKEN']);
      expect(message).toMatch(/PORT is wrong: .*65535.*\(a TCP port\)/);
      expect(message).toMatch(/DATABASE_URL is missing \(URL of PostgreSQL/);
      expect(message).toMatch(/WALLET_TOKEN is wrong: must begin with weft_/);
      expect(message + JSON.stringify(details)).not.toContain('canary-9c1');
    }
  });
});

describe('weftHome', () => {
  it('is .weft in the clone unless WEFT_HOME says otherwise', () => {
    const before = process.env['WEFT_HOME'];
    try {
      delete process.env['WEFT_HOME'];
      expect(weftHome()).toBe(join(packageRoot(), '.weft'));
      process.env['WEFT_HOME'] = 'some/where';
      expect(weftHome()).toBe(resolve('some/where'));
    } finally {
      if (before === undefined) delete process.env['WEFT_HOME'];
      else process.env['WEFT_HOME'] = before;
    }
  });
});
