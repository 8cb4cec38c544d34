import { join } from 'node:path';
import { fetchDescriptorSet } from '#client/contract/reflection.js';
import { openEndpoint } from '#client/listing/endpoint.js';
import { recordView } from '#client/listing/listing-view.js';
import { type Offer, publishListing } from '#client/listing/publish.js';
import { openMarket } from '#client/market.js';
import { readMarketplace } from '#client/marketplace.js';
import { Assets } from '#contracts/assets.js';
import { chainProvider } from '#contracts/chain-provider.js';
import { sharesOf } from '#contracts/shares.js';
import { fromHex, toHex } from '#core/hex.js';
import { SigningKey } from '#payments/signature.js';
import { type AddCommand, type Answer, action, type Context, example } from '../command.js';
import { collect } from '../input/collect.js';
import { collectPair, type Pair } from '../input/pairs.js';
import { parseAsset } from '../input/values.js';
import { OPERATOR, OWNER, openKey } from '../keys.js';
import { completeOffer, readOfferFile } from '../publish/read-offer.js';
import { senderOf } from '../signer.js';

interface PublishOptions {
  readonly service?: string;
  readonly endpoint?: readonly string[];
  readonly price?: readonly Pair[];
  readonly title?: string;
  readonly summary?: string;
  readonly tag?: readonly string[];
  readonly minChannel?: string;
  readonly asset?: string;
  readonly ownerKey: string;
  readonly operatorKey: string;
}

export const addPublish: AddCommand = (program) =>
  program
    .command('publish')
    .argument('[offer]', 'YAML or JSON file: service, endpoints, prices, title, summary, tags, methods, minChannel …')
    .option('--service <name>', 'full name of the service, as its reflection tells it')
    .option('--endpoint <url>', 'grpc://host:port or grpcs://host:port (repeatable)', collect)
    .option('--price <method=price>', 'free, 1200, or "1/20 character, max 5000" (repeatable)', collectPair)
    .option('--title <text>', 'what it is')
    .option('--summary <text>', 'what it does')
    .option('--tag <word>', 'for searching (repeatable)', collect)
    .option('--min-channel <amount>', 'channels with less are not served')
    .option('--asset <id>', 'offer this asset, which you bought or minted, or whose shares name you as operator')
    .option('--owner-key <who>', 'whose key owns the asset: a name of this home, or a file', OWNER)
    .option('--operator-key <who>', 'whose key signs receipts', OPERATOR)
    .description('Offer a running gRPC service with reflection, in any language')
    .addHelpText(
      'after',
      example(
        'npx weft publish offer.yaml',
        'npx weft publish offer.yaml --asset 3 --owner-key alice --operator-key alice-robot',
        'npx weft publish --service acme.v1.EchoService --endpoint grpc://127.0.0.1:50051 --price Say=100 --title Echo',
      ),
    )
    .action(action(publish));

async function publish(context: Context, options: PublishOptions, file: string | undefined): Promise<Answer> {
  const { home } = context;
  const offer = completeOffer(await inputOf(options, file));
  const asset = options.asset === undefined ? undefined : parseAsset(options.asset, '--asset');
  const marketplace = await readMarketplace(home);
  const { rpcUrl, contracts } = marketplace;
  const chainId = BigInt(marketplace.chainId);
  const owner = openKey(home, options.ownerKey, '--owner-key');
  const operator = openKey(home, options.operatorKey, '--operator-key');

  context.progress(`asking ${offer.endpoints[0]} for its contract`);
  const files = await reflected(context, offer, marketplace.allowPrivateEndpoints);
  const provider = chainProvider({ rpcUrl, chainId });
  context.closeLater({ close: () => provider.destroy() });
  const assets = new Assets(contracts.assets, provider);
  const shares =
    asset === undefined ? undefined : await sharesOf(asset, await assets.ownerOf(asset), { provider, contracts });
  const sender = senderOf(shares === undefined ? owner : operator, provider, rpcUrl);
  context.progress('putting the listing on chain and into the registry');
  const published = await publishListing(
    {
      assets,
      domain: { chainId, verifyingContract: fromHex(contracts.assets, 'contracts.assets', 20) },
      escrow: fromHex(contracts.escrow, 'contracts.escrow', 20),
      owner: sender,
      asset,
      shares,
      operator: new SigningKey(fromHex(operator.privateKey, '--operator-key', 32)),
      directory: context.closeLater(openMarket(marketplace)).directory,
      stateFile: join(home, 'provider', `${offer.service}${asset === undefined ? '' : `-${asset}`}.json`),
    },
    { ...offer, files },
  );
  const { digest, isNew, record } = published;
  const json = { asset: published.asset, listing: digest, isNew, owner: sender.address, record: recordView(record) };
  const what = isNew ? 'published' : 'unchanged, in force already';
  return { json, text: `${offer.service} is ${what}\nasset     ${published.asset}\nlisting   ${toHex(digest)}` };
}

/** The command line adds to the file and wins over it. */
async function inputOf(options: PublishOptions, file: string | undefined): Promise<object> {
  const { service, endpoint, price, title, summary, tag, minChannel } = options;
  const given = {
    service,
    endpoints: endpoint,
    prices: price && Object.fromEntries(price.map(({ name, value }) => [name, value])),
    title,
    summary,
    tags: tag,
    minChannel,
  };
  const stated = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { ...(file === undefined ? {} : await readOfferFile(file)), ...stated };
}

async function reflected(context: Context, offer: Omit<Offer, 'files'>, allowPrivate: boolean): Promise<Uint8Array> {
  const client = context.closeLater(await openEndpoint(offer.endpoints[0] ?? '', { allowPrivate }));
  return fetchDescriptorSet(client, offer.service);
}
