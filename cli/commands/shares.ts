import { governorOf } from '#contracts/governor.js';
import { deployShares, sharesOf } from '#contracts/shares.js';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import { type AddCommand, type Answer, action, type Context, example } from '../command.js';
import { openEconomy } from '../economy.js';
import { parseAsset, parseDuration, parsePercent, parsePositive } from '../input/values.js';
import { addressOf } from '../keys.js';
import { type Column, table } from '../output/table.js';
import { holdersOf } from '../ownership/holders-of.js';
import { asOption } from '../signer.js';

interface IssueOptions {
  readonly as?: string;
  readonly supply: string;
  readonly name?: string;
  readonly symbol?: string;
  readonly delay: string;
  readonly period: string;
  readonly threshold: string;
  readonly quorum: string;
}

/** `weft shares issue|show|collect|transfer|redeem`. */
export const addShares: AddCommand = (program) => {
  const shares = program
    .command('shares')
    .description('Divide an asset among many: its income, and the say about its operator and prices')
    .addHelpText(
      'after',
      example(
        'npx weft shares issue 3 --supply 1000',
        'npx weft shares transfer 3 alice 250',
        'npx weft shares collect 3 --as alice',
      ),
    );
  shares
    .command('issue')
    .argument('<asset>', 'its id')
    .requiredOption('--supply <number>', 'how many shares; all are its owner’s at first')
    .option('--name <text>', 'of the shares (default: "Shares of asset N")')
    .option('--symbol <text>', 'of the shares (default: "WEFTn")')
    .option('--delay <time>', 'from a proposal to the vote, and from its success to its execution', '1d')
    .option('--period <time>', 'of a vote', '3d')
    .option('--threshold <share>', 'of all shares, to propose something', '1%')
    .option('--quorum <share>', 'of all shares, that have to take part in a vote', '20%')
    .addOption(asOption('its owner, if the key is in this home'))
    .description('Give an asset to a contract whose shares are yours; its listing ends until holders name an operator')
    .addHelpText(
      'after',
      example(
        'npx weft shares issue 3 --supply 1000',
        'npx weft shares issue 3 --supply 1000 --period 7d --quorum 50%',
      ),
    )
    .action(action(issue));
  shares
    .command('show')
    .argument('<asset>', 'its id')
    .description('Show who holds shares, votes with them and is owed what')
    .addHelpText('after', example('npx weft shares show 3'))
    .action(action(show));
  shares
    .command('collect')
    .argument('<asset>', 'its id')
    .addOption(asOption('owner'))
    .description('Divide what the asset has earned among the holders, and take out what is yours')
    .addHelpText('after', example('npx weft shares collect 3 --as alice'))
    .action(action(collect));
  shares
    .command('transfer')
    .argument('<asset>', 'its id')
    .argument('<to>', 'an address, or the name of a key of this home')
    .argument('<number>', 'how many shares')
    .addOption(asOption('owner'))
    .description('Pass shares on; what they were given until now stays with who held them')
    .addHelpText('after', example('npx weft shares transfer 3 alice 250'))
    .action(action(transfer));
  shares
    .command('redeem')
    .argument('<asset>', 'its id')
    .addOption(asOption('owner'))
    .description('Get the asset back for every share: all of them have to be yours, and end')
    .addHelpText('after', example('npx weft shares redeem 3'))
    .action(action(redeem));
};

async function issue(context: Context, options: IssueOptions, id: string): Promise<Answer> {
  const asset = parseAsset(id);
  const supply = parsePositive(options.supply, '--supply');
  const thresholdBps = BigInt(parsePercent(options.threshold, '--threshold'));
  const quorumPercent = parsePercent(options.quorum, '--quorum') / 100;
  if (!Number.isInteger(quorumPercent))
    throw new WeftError('INVALID_INPUT', '--quorum: write whole percents, as "20%"', { field: '--quorum' });
  const terms = {
    asset,
    supply,
    name: options.name ?? `Shares of asset ${asset}`,
    symbol: options.symbol ?? `WEFT${asset}`,
    delaySec: parseDuration(options.delay, '--delay'),
    periodSec: parseDuration(options.period, '--period'),
    threshold: (supply * thresholdBps + 9_999n) / 10_000n,
    quorumPercent,
  };
  const economy = await openEconomy(context);
  const { assets, contracts } = economy;
  const owner = await economy.ownerOf(asset, options.as);
  if (await sharesOf(asset, await assets.ownerOf(asset), economy))
    throw new WeftError('INVALID_INPUT', `asset ${asset} has shares already`, { asset: String(asset) });
  context.progress('deploying the shares and their governor');
  const made = await owner.prepared((wallet) => deployShares(wallet, contracts, terms));
  context.progress('giving them the asset');
  await owner.send(assets.safeTransfer(asset, owner.address, made.shares));
  const json = { ...made, asset, supply, holder: owner.address.toLowerCase() };
  return {
    json,
    text: `asset ${asset} belongs to ${supply} shares at ${made.shares}, all yours; next, let your votes count:\n  npx weft govern delegate --asset ${asset}`,
  };
}

const columns: Column[] = [
  { title: 'HOLDER' },
  { title: 'SHARES', align: 'right' },
  { title: 'VOTES', align: 'right' },
  { title: 'OWED', align: 'right' },
];

async function show(context: Context, _options: object, id: string): Promise<Answer> {
  const asset = parseAsset(id);
  const economy = await openEconomy(context);
  const { provider, contracts } = economy;
  const shares = await economy.sharesOf(asset);
  const [supply, bounds, timelock, { operator }, holders] = await Promise.all([
    shares.totalSupply(),
    shares.bounds(),
    shares.controller(),
    economy.assets.head(asset),
    holdersOf(shares, provider, contracts.blockNumber),
  ]);
  const governor = await governorOf(timelock, provider, contracts.blockNumber);
  const rows = holders.map(({ holder, held, votes, owed }) => [toHex(holder), ...[held, votes, owed].map(String)]);
  const lines = [
    `shares    ${shares.address}, ${supply} in all`,
    `governor  ${governor.address}`,
    `operator  ${toHex(operator)}`,
    `a call    may cost ${bounds.lowest} to ${bounds.highest}`,
    '',
    table(columns, rows),
  ];
  const json = {
    asset,
    shares: shares.address,
    governor: governor.address,
    timelock,
    supply,
    bounds,
    operator,
    holders,
  };
  return { json, text: lines.join('\n') };
}

async function collect(context: Context, { as }: { as?: string }, id: string): Promise<Answer> {
  const asset = parseAsset(id);
  const economy = await openEconomy(context);
  const { revenue } = economy;
  const shares = await economy.sharesOf(asset);
  const holder = economy.signer(as);
  const { tenure } = await economy.assets.head(asset);
  const { earned, collected } = await economy.escrow.income(asset, tenure);
  if (earned > collected || (await revenue.waitingRoyalties(asset, tenure)) > 0n)
    await holder.send(revenue.release(asset, tenure));
  if ((await revenue.balanceOf(shares.address)) > 0n) await holder.send(shares.collect());
  const amount = await shares.owedTo(holder.address);
  const transaction = amount === 0n ? null : (await holder.send(shares.withdraw(holder.address))).hash;
  const json = { asset, holder: holder.address.toLowerCase(), amount, transaction };
  return { json, text: amount === 0n ? `${holder.address} is owed nothing` : `${amount} paid to ${holder.address}` };
}

async function transfer(
  context: Context,
  { as }: { as?: string },
  id: string,
  to: string,
  count: string,
): Promise<Answer> {
  const asset = parseAsset(id);
  const recipient = addressOf(context.home, to, 'to');
  const amount = parsePositive(count, 'number');
  const economy = await openEconomy(context);
  const shares = await economy.sharesOf(asset);
  const holder = economy.signer(as);
  const { hash } = await holder.send(shares.transfer(recipient, amount));
  const json = { asset, from: holder.address.toLowerCase(), to: recipient, amount, transaction: hash };
  return { json, text: `${amount} shares of asset ${asset} are ${recipient}'s` };
}

async function redeem(context: Context, { as }: { as?: string }, id: string): Promise<Answer> {
  const asset = parseAsset(id);
  const economy = await openEconomy(context);
  const shares = await economy.sharesOf(asset);
  const holder = economy.signer(as);
  const { hash } = await holder.send(shares.redeem());
  const json = { asset, owner: holder.address.toLowerCase(), shares: shares.address, transaction: hash };
  return { json, text: `asset ${asset} belongs to ${holder.address}; its shares are no more` };
}
