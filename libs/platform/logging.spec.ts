import { describe, expect, it } from '@jest/globals';
import { chainProvider, orChainError } from '#contracts/chain-provider.js';
import { WeftError } from '#core/errors.js';
import { startRpcProxy } from '#test/support/rpc-proxy.js';
import { createLogger, nestLogger } from './logging.js';

const canary = 'canary-51d';

function capture() {
  const lines: string[] = [];
  const logger = createLogger({ name: 'test', level: 'trace', destination: { write: (line) => lines.push(line) } });
  return { logger, lines, last: () => JSON.parse(lines.at(-1) ?? '') };
}

describe('createLogger', () => {
  it('writes one JSON object a line, with name, level and time', () => {
    const { logger, last } = capture();
    logger.info({ listing: 7n, bytes: Buffer.alloc(5) }, 'served');
    expect(last()).toEqual({
      name: 'test',
      level: 'info',
      time: expect.any(String),
      listing: '7',
      bytes: '[5 bytes]',
      msg: 'served',
    });
  });

  const nasty = 'one\r\n{"level":"fatal","msg":"forged"}\u001b[2J\u0085\u009b2J\u2028\u2029\u202e\u200b';

  it.each<[string, (logger: ReturnType<typeof createLogger>) => void]>([
    ['the message', (logger) => logger.info(nasty)],
    ['a field', (logger) => logger.info({ field: nasty }, 'x')],
    ["a field's name", (logger) => logger.info({ [nasty]: 1 }, 'x')],
    ['a field further down', (logger) => logger.info({ a: { b: [nasty, new Map([[nasty, nasty]])] } }, 'x')],
    ['a child', (logger) => logger.child({ peer: nasty }).info('x')],
    ['an error', (logger) => logger.error({ err: new Error(nasty, { cause: new Error(nasty) }) }, nasty)],
    ['an error’s details', (logger) => logger.error(new WeftError('INTERNAL', nasty, { field: nasty }))],
    ['what Nest says', (logger) => nestLogger(logger).warn(nasty, nasty)],
  ])('T62 stays one line, without control characters, with line breaks and sequences in %s', (_, write) => {
    const { logger, lines } = capture();
    write(logger);
    expect(lines).toHaveLength(1);
    const line = lines[0]!.replace(/\n$/, '');
    expect([...line].filter((each) => /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(each))).toEqual([]);
    expect(JSON.stringify(JSON.parse(line))).toContain('forged');
  });

  it.each([
    ['a field', { password: canary }],
    ['a field further down', { a: { b: [{ walletToken: canary }] } }],
    ['a header', { headers: { Authorization: `Bearer ${canary}` } }],
    ['a key', { privateKey: canary, private_key: canary, mnemonic: canary, apiKey: canary, passphrase: canary }],
    ['a URL', { url: `postgres://weft:${canary}@127.0.0.1:5432/weft` }],
    ['the message of an error', { err: new Error(`cannot reach postgres://weft:${canary}@127.0.0.1/weft`) }],
    ['the cause of an error', { err: new Error('x', { cause: Object.assign(new Error('y'), { secret: canary }) }) }],
    ['a map', { all: new Map([['x', { secret: canary }]]) }],
  ])('I14 T40 hides a secret in %s', (_, fields) => {
    const { logger, lines } = capture();
    logger.error(fields, 'it happened');
    logger.error(`connecting to postgres://weft:${canary}@127.0.0.1/weft`);
    expect(lines.join('')).not.toContain(canary);
    expect(lines.join('')).toContain('[hidden]');
  });

  it('I14 T40 hides the API key of a node that fails', async () => {
    const { url, decide } = await startRpcProxy('');
    decide(() => 'answer 500');
    const rpcUrl = `${url}/v2/${canary}?key=${canary}`;
    const asked = orChainError(rpcUrl, chainProvider({ rpcUrl, chainId: 1n }).send('eth_chainId', []));
    const error = (await asked.catch((error: unknown) => error)) as WeftError;
    expect(String(error.cause)).toContain(canary);
    const { logger, lines } = capture();
    logger.error({ err: error }, 'no chain');
    logger.error({ err: error.cause });
    logger.error(error.cause);
    logger.error((error.cause as Error).message);
    nestLogger(logger).error((error.cause as Error).message, (error.cause as Error).stack, 'Runner');
    expect(lines).toHaveLength(5);
    expect(lines.join('')).not.toContain(canary);
    for (const line of lines) expect(line).toContain(url);
  });

  it('writes reason, message, stack and cause of an error', () => {
    const { logger, last } = capture();
    logger.warn(
      new WeftError('CHAIN_UNAVAILABLE', 'no chain', { url: 'http://127.0.0.1:1' }, { cause: new Error('refused') }),
    );
    expect(last()).toMatchObject({
      level: 'warn',
      err: {
        type: 'WeftError',
        reason: 'CHAIN_UNAVAILABLE',
        message: 'no chain',
        details: { url: 'http://127.0.0.1:1' },
        stack: expect.stringContaining('logging.spec'),
        cause: { message: 'refused' },
      },
    });
  });

  it('survives a value that contains itself', () => {
    const { logger, lines } = capture();
    const round: Record<string, unknown> = {};
    round['self'] = round;
    logger.info(round);
    expect(lines).toHaveLength(1);
  });
});

describe('nestLogger', () => {
  it('passes on levels, context and stacks', () => {
    const { logger, last } = capture();
    const nest = nestLogger(logger);
    nest.log('mapped', 'RouterExplorer');
    expect(last()).toMatchObject({ level: 'info', msg: 'mapped', context: 'RouterExplorer' });
    nest.error('broke', 'Error: at x', 'Runner');
    expect(last()).toMatchObject({ level: 'error', msg: 'broke', stack: 'Error: at x', context: 'Runner' });
    nest.error({ msg: 'a handler threw', err: new Error('why') }, 'grpc');
    expect(last()).toMatchObject({ level: 'error', msg: 'a handler threw', err: { message: 'why' }, context: 'grpc' });
  });
});
