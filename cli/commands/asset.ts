import { mintedAsset, type Parent } from '#contracts/assets.js';
import { sharesOf } from '#contracts/shares.js';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import { type AddCommand, type Answer, action, type Context, example } from '../command.js';
import { openEconomy } from '../economy.js';
import { collectPair, type Pair } from '../input/pairs.js';
import { parseAsset, parsePercent } from '../input/values.js';
import { addressOf } from '../keys.js';
import { table } from '../output/table.js';
import { localTime } from '../output/units.js';
import { tenuresOf } from '../ownership/tenures-of.js';
import { asOption } from '../signer.js';

interface MintOptions {
  readonly as?: string;
  readonly operator?: string;
  readonly parent?: readonly Pair[];
  readonly royalty?: string;
  readonly saleRoyalty?: string;
}

/** The contract's own bound. */
const MAX_SALE_BPS = 1_000;

/** `weft asset mint|show|collect|transfer`. */
export const addAsset: AddCommand = (program) => {
  const asset = program
    .command('asset')
    .description('Mint an asset, see what stands in its name, pass it on')
    .addHelpText(
      'after',
      example(
        'npx weft asset mint --parent 2=15% --sale-royalty 5%',
        'npx weft asset show 3',
        'npx weft asset collect 3',
        'npx weft asset transfer 3 alice',
      ),
    );
  asset
    .command('mint')
    .option('--operator <who>', 'whose key will sign its receipts: an address, or a name of this home')
    .option(
      '--parent <asset=share>',
      'what it was built from, and its share of the income: 2=15% (repeatable)',
      collectPair,
    )
    .option('--royalty <share>', 'of the income of what will be built from it, at least')
    .option('--sale-royalty <share>', 'of the price whenever it is sold, for its maker; at most 10%')
    .addOption(asOption('owner'))
    .description('Mint an asset that is yours; "weft publish" mints one by itself')
    .addHelpText(
      'after',
      example('npx weft asset mint', 'npx weft asset mint --parent 1=10% --parent 2=5% --sale-royalty 2.5%'),
    )
    .action(action(mint));
  asset
    .command('show')
    .argument('<asset>', 'its id')
    .description('Show owner, operator, terms, tenures and what they earned')
    .addHelpText('after', example('npx weft asset show 3'))
    .action(action(show));
  asset
    .command('collect')
    .argument('<asset>', 'its id')
    .option('--to <who>', 'who gets it: an address, or the name of a key of this home (default: the owner)')
    .addOption(asOption('its owner, if the key is in this home; a former owner is named'))
    .description('Take out what the asset earned while it was yours, with all else that was credited to you')
    .addHelpText('after', example('npx weft asset collect 3', 'npx weft asset collect 3 --as alice'))
    .action(action(collect));
  asset
    .command('transfer')
    .argument('<asset>', 'its id')
    .argument('<to>', 'an address, or the name of a key of this home')
    .addOption(asOption('its owner, if the key is in this home'))
    .description('Pass an asset on: its listing and operator end, what it earned until now stays with its former owner')
    .addHelpText('after', example('npx weft asset transfer 3 0x70997970C51812dc3A010C7d01b50e0d17dc79C8'))
    .action(action(transfer));
};

async function mint(context: Context, options: MintOptions): Promise<Answer> {
  const operator = options.operator === undefined ? undefined : addressOf(context.home, options.operator, '--operator');
  const parents = (options.parent ?? []).map(parentOf).sort((a, b) => (a.asset < b.asset ? -1 : 1));
  const royaltyBps = options.royalty === undefined ? 0 : parsePercent(options.royalty, '--royalty');
  const saleBps =
    options.saleRoyalty === undefined ? 0 : parsePercent(options.saleRoyalty, '--sale-royalty', MAX_SALE_BPS);
  const { assets, signer, contracts } = await openSigning(context, options.as);
  const { hash, logs } = await signer.send(assets.mint({ parents, ...(operator === undefined ? {} : { operator }) }));
  const asset = mintedAsset({ logs }, contracts.assets);
  context.progress(`minted asset ${asset}`);
  if (royaltyBps > 0) await signer.send(assets.setRoyalty(asset, royaltyBps));
  if (saleBps > 0) await signer.send(assets.setSaleRoyalty(asset, saleBps));
  const json = { asset, owner: signer.address.toLowerCase(), operator: operator ?? null, parents, royaltyBps, saleBps };
  return { json: { ...json, transaction: hash }, text: `asset ${asset} belongs to ${signer.address}` };
}

async function openSigning(context: Context, who: string | undefined) {
  const economy = await openEconomy(context);
  return { assets: economy.assets, contracts: economy.contracts, signer: economy.signer(who) };
}

const parentOf = ({ name, value }: Pair): Parent => ({
  asset: parseAsset(name, '--parent'),
  bps: parsePercent(value, '--parent'),
});

async function show(context: Context, _options: object, text: string): Promise<Answer> {
  const asset = parseAsset(text);
  const economy = await openEconomy(context);
  const { assets } = economy;
  const owner = await assets.ownerOf(asset);
  const [head, terms, parents] = await Promise.all([assets.head(asset), assets.terms(asset), assets.parents(asset)]);
  const shares = await sharesOf(asset, owner, economy);
  const tenures = await tenuresOf(economy, asset);
  const rows = tenures.map(({ tenure, owner: its, earned, waiting }) => [
    String(tenure),
    toHex(its),
    String(earned),
    String(waiting),
  ]);
  const columns = [
    { title: 'TENURE', align: 'right' as const },
    { title: 'OWNER' },
    { title: 'EARNED BY CALLS', align: 'right' as const },
    { title: 'TO BE RELEASED', align: 'right' as const },
  ];
  const lines = [
    `asset     ${asset}`,
    `owner     ${toHex(owner)}${shares === undefined ? '' : ', which are shares'}`,
    `operator  ${isZero(head.operator) ? 'none' : toHex(head.operator)}`,
    `listing   ${isZero(head.listing) ? 'none' : `${toHex(head.listing)}, version ${head.listingVersion}, since ${localTime(head.listedAtSec)}`}`,
    `built on  ${parents.length === 0 ? 'nothing' : parents.map((each) => `asset ${each.asset} (${each.bps / 100}%)`).join(', ')}`,
    `royalty   ${terms.royaltyBps / 100}% of what is built from it, ${terms.saleBps / 100}% of its price when it is sold`,
    '',
    table(columns, rows),
  ];
  const json = { asset, owner, shares: shares?.address ?? null, ...head, terms, parents, tenures };
  return { json, text: lines.join('\n') };
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

async function transfer(context: Context, { as }: { as?: string }, text: string, to: string): Promise<Answer> {
  const asset = parseAsset(text);
  const recipient = addressOf(context.home, to, 'to');
  const economy = await openEconomy(context);
  const { assets } = economy;
  const owner = await economy.ownerOf(asset, as);
  const { tenure } = await assets.head(asset);
  const { hash } = await owner.send(assets.safeTransfer(asset, owner.address, recipient));
  const json = { asset, from: owner.address.toLowerCase(), to: recipient, tenure: tenure + 1, transaction: hash };
  return { json, text: `asset ${asset} belongs to ${recipient}, tenure ${tenure + 1}` };
}

async function collect(
  context: Context,
  options: { readonly as?: string; readonly to?: string },
  text: string,
): Promise<Answer> {
  const asset = parseAsset(text);
  const given = options.to === undefined ? undefined : addressOf(context.home, options.to, '--to');
  const economy = await openEconomy(context);
  const { revenue } = economy;
  const owner = await economy.ownerOf(asset, options.as);
  const own = owner.address.toLowerCase();
  const tenures = (await tenuresOf(economy, asset)).filter((each) => toHex(each.owner) === own);
  if (tenures.length === 0)
    throw new WeftError(
      'PERMISSION_DENIED',
      `asset ${asset} never belonged to ${own}: it earned nothing for that key`,
      {
        asset: String(asset),
        address: own,
      },
    );
  for (const { tenure, waiting } of tenures) if (waiting > 0n) await owner.send(revenue.release(asset, tenure));
  const amount = await revenue.balanceOf(own);
  const to = given ?? own;
  const transaction = amount === 0n ? null : (await owner.send(revenue.withdraw(amount, to))).hash;
  const json = { asset, owner: own, to, amount, transaction };
  return { json, text: amount === 0n ? `nothing is credited to ${own}` : `${amount} paid to ${to}` };
}
