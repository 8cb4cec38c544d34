import { setTimeout as delay } from 'node:timers/promises';
import type { UnsignedTransaction } from '#contracts/chain.js';
import { type Support, supports } from '#contracts/governor.js';
import { WeftError } from '#core/errors.js';
import { parseAmount } from '#core/money.js';
import { type AddCommand, type Answer, action, type Context, example } from '../command.js';
import { type Economy, openEconomy } from '../economy.js';
import { parseAsset, parsePercent } from '../input/values.js';
import { addressOf } from '../keys.js';
import { type Column, table } from '../output/table.js';
import { localTime } from '../output/units.js';
import { actionText } from '../ownership/action-text.js';
import { type NumberedProposal, openBallot, proposalOf } from '../ownership/ballot.js';
import { asOption } from '../signer.js';

interface VoteOptions {
  readonly as?: string;
  readonly asset?: string;
}

interface ProposeOptions {
  readonly as?: string;
  readonly because?: string;
}

const ASSET = ['--asset <id>', 'let holders of its shares decide, not those of the protocol’s votes'] as const;
const BECAUSE = ['--because <text>', 'why; makes it another proposal than an earlier one of the same content'] as const;

const NEXT_SECOND_MS = 1_100;

/** The highest fee there may ever be, Revenue's own bound. */
const MAX_FEE_BPS = 500;

/** `weft govern delegate|propose-fee|propose-operator|propose-bounds|vote|queue|execute|cancel|show`. */
export const addGovern: AddCommand = (program) => {
  const govern = program
    .command('govern')
    .description('Vote: about the protocol’s fee, or with the shares of an asset about its operator and prices')
    .addHelpText(
      'after',
      example(
        'npx weft govern delegate',
        'npx weft govern propose-fee 1% --treasury alice',
        'npx weft govern vote 1 for',
        'npx weft govern queue 1',
        'npx weft govern execute 1',
      ),
    );
  const propose = (name: string) =>
    govern
      .command(name)
      .option(...BECAUSE)
      .addOption(asOption('owner'));
  govern
    .command('delegate')
    .argument('[to]', 'who votes for you: an address, or the name of a key of this home (default: yourself)')
    .option(...ASSET)
    .addOption(asOption('owner'))
    .description('Let your votes count: before they are delegated they count nowhere')
    .addHelpText('after', example('npx weft govern delegate', 'npx weft govern delegate bob --asset 3'))
    .action(action(delegate));
  propose('propose-fee')
    .argument('<share>', 'of what calls earn: 1%, at most 5%; 0% for none')
    .requiredOption('--treasury <who>', 'whom it goes to: an address, or the name of a key of this home')
    .description('Propose another fee of the protocol')
    .addHelpText(
      'after',
      example('npx weft govern propose-fee 1% --treasury 0x70997970C51812dc3A010C7d01b50e0d17dc79C8'),
    )
    .action(
      action(async (context, options: ProposeOptions & { treasury: string }, share: string) => {
        const bps = parsePercent(share, 'share', MAX_FEE_BPS);
        const treasury = addressOf(context.home, options.treasury, '--treasury');
        const economy = await openEconomy(context);
        const what = `a fee of ${bps / 100}% to ${treasury}`;
        return proposed(economy, options, undefined, economy.revenue.setFee(bps, treasury), what);
      }),
    );
  propose('propose-operator')
    .argument('<asset>', 'its id')
    .argument('<key>', 'who signs for it: an address, or the name of a key of this home')
    .description('Propose another operator of an asset to the holders of its shares')
    .addHelpText('after', example('npx weft govern propose-operator 3 0x70997970C51812dc3A010C7d01b50e0d17dc79C8'))
    .action(
      action(async (context, options: ProposeOptions, id: string, key: string) => {
        const asset = parseAsset(id);
        const operator = addressOf(context.home, key, 'key');
        const economy = await openEconomy(context);
        const shares = await economy.sharesOf(asset);
        return proposed(economy, options, asset, shares.setOperator(operator), `${operator} as the operator`);
      }),
    );
  propose('propose-bounds')
    .argument('<asset>', 'its id')
    .argument('<lowest>', 'what a call has to cost at least, in minor units')
    .argument('<highest>', 'what a call may cost at most, in minor units')
    .description('Propose what calls of an asset may cost to the holders of its shares')
    .addHelpText('after', example('npx weft govern propose-bounds 3 100 5000'))
    .action(
      action(async (context, options: ProposeOptions, id: string, from: string, to: string) => {
        const asset = parseAsset(id);
        const bounds = { lowest: parseAmount(from, 'lowest'), highest: parseAmount(to, 'highest') };
        if (bounds.lowest > bounds.highest)
          throw new WeftError('INVALID_INPUT', 'lowest: it is above the highest', { field: 'lowest' });
        const economy = await openEconomy(context);
        const shares = await economy.sharesOf(asset);
        return proposed(economy, options, asset, shares.setBounds(bounds), `calls that cost ${from} to ${to}`);
      }),
    );
  govern
    .command('vote')
    .argument('<proposal>', 'its number, or its id')
    .argument('<support>', 'for, against or abstain')
    .option(...ASSET)
    .addOption(asOption('owner'))
    .description('Vote about a proposal, once')
    .addHelpText('after', example('npx weft govern vote 1 for', 'npx weft govern vote 2 against --asset 3 --as alice'))
    .action(action(vote));
  for (const [name, what] of [
    ['queue', 'Queue what was agreed to, so that it is due after the delay; anybody may'],
    ['execute', 'Do what was agreed to, once it is due; anybody may'],
    ['cancel', 'Take a proposal back; its proposer may, before the vote begins'],
  ] as const)
    govern
      .command(name)
      .argument('<proposal>', 'its number, or its id')
      .option(...ASSET)
      .addOption(asOption('owner'))
      .description(what)
      .addHelpText('after', example(`npx weft govern ${name} 1`))
      .action(
        action(async (context, { as, asset }: VoteOptions, text: string) => {
          const economy = await openEconomy(context);
          const ballot = await openBallot(economy, assetOf(asset));
          const proposal = proposalOf(ballot, text);
          const { hash } = await economy.signer(as).send(ballot.governor[name](proposal));
          const { state, dueAtSec } = await ballot.governor.standing(proposal.id);
          const due = state === 'queued' && dueAtSec !== undefined ? `, due at ${localTime(dueAtSec)}` : '';
          const json = { proposal: proposal.id, number: proposal.number, state, dueAtSec: dueAtSec ?? null };
          return { json: { ...json, transaction: hash }, text: `proposal ${proposal.number} is ${state}${due}` };
        }),
      );
  govern
    .command('show')
    .argument('[proposal]', 'its number, or its id; without it, all')
    .option(...ASSET)
    .description('Show proposals: what they would do, how the vote stands, what is next')
    .addHelpText('after', example('npx weft govern show', 'npx weft govern show 1 --asset 3'))
    .action(action(show));
};

const assetOf = (text: string | undefined): bigint | undefined =>
  text === undefined ? undefined : parseAsset(text, '--asset');

async function delegate(context: Context, options: VoteOptions, to: string | undefined): Promise<Answer> {
  const asset = assetOf(options.asset);
  const recipient = to === undefined ? undefined : addressOf(context.home, to, 'to');
  const economy = await openEconomy(context);
  const votes = asset === undefined ? economy.votes : await economy.sharesOf(asset);
  const holder = economy.signer(options.as);
  const voter = recipient ?? holder.address.toLowerCase();
  const { hash } = await holder.send(votes.delegate(voter));
  const count = await votes.votesOf(voter);
  // A proposal counts the votes of the second before it: who types on at once would have none yet.
  await delay(NEXT_SECOND_MS);
  return { json: { voter, votes: count, transaction: hash }, text: `${voter} has ${count} votes` };
}

async function proposed(
  economy: Economy,
  { as, because }: ProposeOptions,
  asset: bigint | undefined,
  what: UnsignedTransaction,
  content: string,
): Promise<Answer> {
  const { governor } = await openBallot(economy, asset);
  const proposal = { actions: [what], description: because === undefined ? content : `${content}: ${because}` };
  const { hash } = await economy.signer(as).send(governor.propose(proposal));
  const id = await governor.proposalId(proposal);
  const ballot = await openBallot(economy, asset);
  const { number, votingStartsAtSec, votingEndsAtSec, description } = proposalOf(ballot, String(id));
  const json = { proposal: id, number, description, votingStartsAtSec, votingEndsAtSec, transaction: hash };
  const when = `the vote is from ${localTime(votingStartsAtSec)} to ${localTime(votingEndsAtSec)}`;
  return { json, text: `proposal ${number}, ${content}: ${when}` };
}

async function vote(context: Context, options: VoteOptions, text: string, support: string): Promise<Answer> {
  if (!Object.hasOwn(supports, support))
    throw new WeftError('INVALID_INPUT', `support: write "for", "against" or "abstain", not "${support}"`, {
      field: 'support',
    });
  const economy = await openEconomy(context);
  const ballot = await openBallot(economy, assetOf(options.asset));
  const { id, number } = proposalOf(ballot, text);
  const { hash } = await economy.signer(options.as).send(ballot.governor.vote(id, support as Support));
  const { votes } = await ballot.governor.standing(id);
  const json = { proposal: id, number, votes, transaction: hash };
  return { json, text: `proposal ${number}: ${votes.for} for, ${votes.against} against, ${votes.abstain} abstain` };
}

const columns: Column[] = [
  { title: 'NO', align: 'right' },
  { title: 'STATE' },
  { title: 'FOR', align: 'right' },
  { title: 'AGAINST', align: 'right' },
  { title: 'NEXT' },
  { title: 'WHAT', maxWidth: 100 },
];

async function show(context: Context, { asset }: VoteOptions, text: string | undefined): Promise<Answer> {
  const economy = await openEconomy(context);
  const ballot = await openBallot(economy, assetOf(asset));
  const wanted = text === undefined ? ballot.proposals : [proposalOf(ballot, text)];
  const threshold = await ballot.governor.threshold();
  const proposals = wanted.map((each) => ({ ...each, does: each.actions.map(actionText) }));
  const rows = proposals.map((each) => [
    String(each.number),
    each.state,
    String(each.votes.for),
    String(each.votes.against),
    nextOf(each),
    each.does.join('; '),
  ]);
  const needed = `who proposes needs ${threshold} votes`;
  const json = { governor: ballot.governor.address, threshold, proposals };
  return { json, text: rows.length === 0 ? `nothing is proposed; ${needed}` : `${table(columns, rows)}\n\n${needed}` };
}

function nextOf({ state, votingStartsAtSec, votingEndsAtSec, dueAtSec }: NumberedProposal): string {
  if (state === 'pending') return `vote from ${localTime(votingStartsAtSec)}`;
  if (state === 'active') return `vote until ${localTime(votingEndsAtSec)}`;
  if (state === 'succeeded') return 'queue';
  return state === 'queued' && dueAtSec !== undefined ? `execute from ${localTime(dueAtSec)}` : '';
}
