import { badInput, notFound, notNow, notYours, type Sentences } from './sentence.js';

/** Assets and Anchor. */
export const assetErrors: Sentences = {
  'NotOwner(uint64 asset, address caller)': notYours(
    'asset {asset} does not belong to {caller}, and only its owner may do this: see whose it is with "npx weft asset show {asset}"',
  ),
  'NotMaker(uint64 asset, address caller)': notYours(
    '{caller} cannot set what the maker of asset {asset} gets when it is sold: only its maker can, and only before its first transfer',
  ),
  'OperatorUsedBefore(uint64 asset, address operator)': badInput(
    '{operator} was an operator of asset {asset} before, and a key is that once only: name a new key',
  ),
  'SameOperator(uint64 asset, address operator)': badInput(
    '{operator} is the operator of asset {asset} already: nothing to do',
  ),
  'ZeroListing(uint64 asset)': badInput(
    'an empty listing cannot be put in force for asset {asset}: give its digest, or delist the asset',
  ),
  'NotListed(uint64 asset)': notNow('asset {asset} has no listing in force: its owner has to publish one first'),
  'VersionNotHigher(uint64 asset, uint24 version, uint24 present)': notNow(
    'version {version} of the listing of asset {asset} comes after version {present}, which is in force or was: publish a higher one',
  ),
  'TooManyParents(uint256 count, uint256 max)': badInput(
    '{count} parents are more than the {max} that an asset may be built from: name fewer',
  ),
  'BadParent(uint48 parent, uint48 child)': badInput(
    'asset {parent} cannot be a parent of asset {child}: parents are older than their child, hence neither the child itself nor anything built from it, and each is named once, in ascending order',
  ),
  'ZeroShare(uint48 parent)': badInput(
    'the share of parent {parent} is zero: give it at least 0.01 %, or leave it out',
  ),
  'SharesTooHigh(uint256 bps)': badInput(
    'the shares of all parents come to {bps:percent}, more than the whole income: they may be 100 % together',
  ),
  'RoyaltyTooLow(uint48 parent, uint16 bps, uint16 demanded)': badInput(
    'asset {parent} wants at least {demanded:percent} of the income of what is built from it, and was offered {bps:percent}: give it that much',
  ),
  'RoyaltyTooHigh(uint64 asset, uint256 bps, uint256 max)': badInput(
    '{bps:percent} is more than asset {asset} may ask: at most {max:percent}',
  ),
  'LineageTooDeep(uint48 parent, uint256 max)': badInput(
    'asset {parent} has {max} generations above it already, the most there may be: build from one of its ancestors instead',
  ),
  'NotOperator(uint64 asset, uint32 tenure, address caller)': notYours(
    '{caller} is not the operator of asset {asset} in tenure {tenure}: only that key may do this',
  ),
  'ZeroRoot(uint64 asset)': badInput('the root of an epoch of asset {asset} is zero: anchor the root of its receipts'),
  'NoReceipts(uint64 asset)': badInput(
    'an epoch of asset {asset} without receipts cannot be anchored: wait until there are some',
  ),
  'WrongEpoch(uint64 asset, uint64 epoch, uint64 next)': notNow(
    'epoch {epoch} of asset {asset} is not the next one: anchor epoch {next}',
  ),
  'ERC721NonexistentToken(uint256 asset)': notFound(
    'there is no asset {asset}: ids count from 1; see them with "npx weft services"',
  ),
  'ERC721IncorrectOwner(address sender, uint256 asset, address owner)': notYours(
    'asset {asset} belongs to {owner}, not to {sender}: only what is the sender’s can be moved',
  ),
  'ERC721InsufficientApproval(address operator, uint256 asset)': notYours(
    '{operator} may not move asset {asset}: its owner has to approve that first',
  ),
  'ERC721InvalidOwner(address owner)': badInput('{owner} cannot own assets'),
  'ERC721InvalidSender(address sender)': badInput('{sender} cannot send assets'),
  'ERC721InvalidReceiver(address receiver)': badInput(
    '{receiver} cannot take assets: it is zero, or a contract without onERC721Received; give another address',
  ),
  'ERC721InvalidApprover(address approver)': notYours(
    '{approver} does not own the asset and may not act for its owner, so it can approve nobody',
  ),
  'ERC721InvalidOperator(address operator)': badInput(
    '{operator} cannot be allowed to move assets: give another address',
  ),
};
