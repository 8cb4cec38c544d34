import { WeftError } from '#core/errors.js';
import { runHere } from '#test/support/cli.js';
import { type AddCommand, action, example } from './command.js';

const closed: string[] = [];

const greet: AddCommand = (program) =>
  program
    .command('greet')
    .argument('<name>')
    .option('--times <n>', 'how often', '1')
    .description('Says hello')
    .addHelpText('after', example('npx weft greet you'))
    .action(
      action<{ times: string }>(async (context, { times }, name: string) => {
        context.closeLater({ close: () => closed.push('first') });
        context.closeLater({ close: () => closed.push('second') });
        context.progress('thinking');
        context.print('early');
        return { json: { name, times: BigInt(times), home: context.home }, text: `hello ${name}` };
      }),
    );

const fail =
  (error: unknown): AddCommand =>
  (program) =>
    program.command('fail').action(
      action(async (context) => {
        context.closeLater({ close: () => closed.push('failed') });
        throw error;
      }),
    );

const run = (commands: AddCommand[], ...argv: string[]) => runHere(commands, argv);

beforeEach(() => closed.splice(0));

test('answers in text on stdout, progress on stderr, and closes what was opened', async () => {
  expect(await run([greet], 'greet', 'you')).toEqual({ code: 0, out: 'early\nhello you\n', err: 'thinking\n' });
  expect(closed).toEqual(['second', 'first']);
});

test.each([[['--json', 'greet', 'you']], [['greet', 'you', '--json']]])(
  '%j prints exactly one JSON value on stdout',
  async (argv) => {
    const { code, out, err } = await run([greet], ...argv);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({ name: 'you', times: '1', home: '/home/of/weft' });
    expect(err).toBe('thinking\nearly\n');
  },
);

test('--home names another marketplace', async () => {
  expect(JSON.parse((await run([greet], 'greet', 'you', '--json', '--home', '/b')).out).home).toBe('/b');
});

test('help shows an example and the options of every command, and is no failure', async () => {
  const { code, out } = await run([greet], 'greet', '--help');
  expect(code).toBe(0);
  expect(out).toContain('$ npx weft greet you');
  expect(out).toContain('--json');
});

test.each([
  ['an unknown command', ['greeet']],
  ['a missing argument', ['greet']],
  ['an unknown option', ['greet', 'you', '--loud']],
  ['too many arguments', ['greet', 'you', 'me']],
  ['no command', []],
])('%s exits with 2 and leaves stdout empty', async (_name, argv) => {
  const { code, out, err } = await run([greet], ...argv);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).not.toBe('');
});

test('a refusal exits with 1 and says message, reason and hint in one line', async () => {
  const error = new WeftError('LISTING_UNKNOWN', 'no listing is called "orc"\nreally');
  const { code, out, err } = await run([fail(error)], 'fail');
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toBe(
    'weft: no listing is called "orc" really (LISTING_UNKNOWN); see what is offered with: npx weft services\n',
  );
  expect(closed).toEqual(['failed']);
});

test('a part that is down exits with 3 and says how to start it', async () => {
  const { code, err } = await run(
    [fail(new WeftError('REGISTRY_UNAVAILABLE', 'the registry does not answer'))],
    'fail',
  );
  expect(code).toBe(3);
  expect(err).toContain('npx weft up');
});

test('a failure under --json is one JSON value too', async () => {
  const { code, out } = await run([fail(new WeftError('LIMIT_EXCEEDED', 'no', { limit: '5' }))], 'fail', '--json');
  expect(code).toBe(1);
  expect(JSON.parse(out)).toEqual({
    error: { code: 'PERMISSION_DENIED', reason: 'LIMIT_EXCEEDED', message: 'no', details: { limit: '5' } },
  });
});

test('T68 a fault of our own shows nothing of itself', async () => {
  const { code, err } = await run([fail(new Error('secret path /etc'))], 'fail');
  expect(code).toBe(1);
  expect(err).toBe('weft: something went wrong inside (INTERNAL)\n');
});
