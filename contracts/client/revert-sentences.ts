import { type ErrorFragment, Interface } from 'ethers';
import { WeftError } from '#core/errors.js';
import { assetErrors } from './reverts/assets.js';
import { escrowErrors } from './reverts/escrow.js';
import { jobErrors } from './reverts/jobs.js';
import { licenceErrors } from './reverts/licences.js';
import { openZeppelinErrors } from './reverts/openzeppelin.js';
import { ownershipErrors } from './reverts/ownership.js';
import { fillIn, type Sentence, type Sentences } from './reverts/sentence.js';

/** Every error that our contracts, and those of OpenZeppelin in them, can end with. */
export const revertSentences: Sentences = {
  ...assetErrors,
  ...escrowErrors,
  ...licenceErrors,
  ...jobErrors,
  ...ownershipErrors,
  ...openZeppelinErrors,
};

/** The table is its own interface: an error that several contracts have is read, and said, in one way. */
const abi = new Interface(Object.keys(revertSentences).map((declaration) => `error ${declaration}`));
const bySelector = new Map<string, { error: ErrorFragment; sentence: Sentence }>();
for (const [i, sentence] of Object.values(revertSentences).entries()) {
  const error = abi.fragments[i] as ErrorFragment;
  bySelector.set(error.selector, { error, sentence });
}

/** Longer texts come from contracts of others only. */
const MAX_TEXT = 300;

/** Says what a revert's bytes mean. `details` has the error's name, as `revert`, and its arguments by their names. */
export function explainRevert(data: string): WeftError {
  if (data === '0x') return new WeftError('TRANSACTION_REVERTED', 'the contract refused and did not say why');
  const found = parse(data);
  if (found === undefined)
    return new WeftError(
      'TRANSACTION_REVERTED',
      `a contract that is not Weft’s refused, by an error that Weft does not know (${data.slice(0, 10)}): its source says what that means`,
      { revert: data.slice(0, 10) },
    );
  const { name, sentence, args } = found;
  const details = Object.fromEntries(Object.entries(args).map(([key, value]) => [key, String(value)]));
  return new WeftError(sentence.reason, fillIn(sentence.text, args), { ...details, revert: name });
}

/** Undefined if no declaration fits: selectors are short, so that other contracts may have them for something else. */
function parse(data: string): { name: string; sentence: Sentence; args: Record<string, unknown> } | undefined {
  const known = bySelector.get(data.slice(0, 10).toLowerCase());
  if (known === undefined) return undefined;
  const { error, sentence } = known;
  try {
    const values = abi.decodeErrorResult(error, data).toArray();
    const short = (value: unknown) => (typeof value === 'string' ? value.slice(0, MAX_TEXT) : value);
    return {
      name: error.name,
      sentence,
      args: Object.fromEntries(error.inputs.map((input, i) => [input.name, short(values[i])])),
    };
  } catch {
    return undefined;
  }
}
