import { ErrorFragment, Interface, id } from 'ethers';
import { contractNames, interfaceOf } from './artifact.js';
import { explainRevert, revertSentences } from './revert-sentences.js';

const table = new Interface(Object.keys(revertSentences).map((declaration) => `error ${declaration}`));
const errorsOf = (abi: Interface): ErrorFragment[] => {
  const found: ErrorFragment[] = [];
  abi.forEachError((error) => void found.push(error));
  return found;
};
const signature = (error: ErrorFragment) => error.format('sighash');
const ownErrors = contractNames.flatMap((name) => errorsOf(interfaceOf(name)).map((error) => [signature(error), name]));

/** A value of each type that errors have. */
const sample = (type: string): unknown =>
  type === 'address'
    ? `0x${'ab'.repeat(20)}`
    : type === 'bytes32'
      ? `0x${'cd'.repeat(32)}`
      : type === 'string'
        ? 'words'
        : 3n;
const encode = (error: ErrorFragment) =>
  table.encodeErrorResult(
    error,
    error.inputs.map(({ type }) => sample(type)),
  );

describe('the sentences for reverts', () => {
  it.each(ownErrors)('have %s of %s', (error) => {
    expect(errorsOf(table).map(signature)).toContain(error);
  });

  it('have nothing that no contract can say', () => {
    const said = new Set(ownErrors.map(([error]) => error));
    const builtIn = ['Error(string)', 'Panic(uint256)'];
    expect(
      errorsOf(table)
        .map(signature)
        .filter((error) => !said.has(error) && !builtIn.includes(error)),
    ).toEqual([]);
  });

  it('are of errors that have selectors of their own, so that one revert has one sentence', () => {
    const selectors = errorsOf(table).map(({ selector }) => selector);
    expect(new Set(selectors).size).toBe(Object.keys(revertSentences).length);
  });

  it('are as many as there are declarations: none is left out for being unreadable', () => {
    expect(table.fragments.map((each) => each.format('full').slice('error '.length))).toEqual(
      Object.keys(revertSentences),
    );
  });

  it.each(Object.entries(revertSentences))('fill in every argument of %s', (declaration, { text, reason }) => {
    const error = ErrorFragment.from(`error ${declaration}`);
    for (const { name } of error.inputs) expect(text).toMatch(new RegExp(`\\{${name}[:}]`));
    const explained = explainRevert(encode(error));
    expect(explained.reason).toBe(reason);
    expect(explained.message).not.toMatch(/[{}]|undefined|NaN/);
    expect(Object.keys(explained.details).sort()).toEqual([...error.inputs.map(({ name }) => name), 'revert'].sort());
  });
});

describe('a revert', () => {
  const revert = (declaration: string, ...args: unknown[]) => {
    const abi = new Interface([`error ${declaration}`]);
    return explainRevert(abi.encodeErrorResult(declaration.slice(0, declaration.indexOf('(')), args));
  };

  it('has its times, spans and shares written for people, and its arguments as they are for programs', () => {
    const late = revert(
      'ChannelExpired(bytes32 channelId, uint256 expiresAtSec)',
      `0x${'11'.repeat(32)}`,
      1_767_225_600n,
    );
    expect(late.message).toContain('2026-01-01 00:00:00 UTC');
    expect(late.details).toMatchObject({ revert: 'ChannelExpired', expiresAtSec: '1767225600' });
    expect(revert('SharesTooHigh(uint256 bps)', 10_050n).message).toContain('100.5 %');
    expect(revert('BadWindow(uint256 a, uint256 b, uint256 c)', 5_400n, 3_600n, 604_800n).message).toContain(
      '1 h 30 min',
    );
    expect(revert('OfferNotOpen(bytes32 id, uint8 status)', `0x${'11'.repeat(32)}`, 2n).message).toContain(
      '(withdrawn)',
    );
    expect(revert('ChannelExpired(bytes32 a, uint256 b)', `0x${'11'.repeat(32)}`, 2n ** 255n).message).toContain(
      'second 57',
    );
  });

  it('is told apart from another of the same name', () => {
    expect(revert('NotOperator(address a)', `0x${'ab'.repeat(20)}`).message).toContain('shares');
    expect(revert('NotOperator(uint64 a, uint32 b, address c)', 7n, 2n, `0x${'ab'.repeat(20)}`).message).toContain(
      'tenure 2',
    );
  });

  it.each([
    ['an error of somebody else', id('Strange(uint256)').slice(0, 10), 'does not know'],
    ['bytes that do not fit the selector', `${id('SharesTooHigh(uint256)').slice(0, 10)}00`, 'does not know'],
    ['nothing', '0x', 'did not say why'],
  ])('with %s is told as what it is', (_name, data, message) => {
    expect(explainRevert(data)).toMatchObject({
      reason: 'TRANSACTION_REVERTED',
      message: expect.stringContaining(message),
    });
  });

  it('cannot fill the screen with a text of somebody else', () => {
    expect(revert('Error(string reason)', 'x'.repeat(10_000)).message.length).toBeLessThan(400);
  });
});
