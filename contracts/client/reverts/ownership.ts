import { badInput, notFound, notNow, notYours, otherwise, type Sentences, tooLittle } from './sentence.js';

/** Market and Shares. */
export const ownershipErrors: Sentences = {
  'ZeroPrice(uint64 asset)': badInput(
    'the price for asset {asset} is zero: give at least 1 minor unit; to give it away, transfer it',
  ),
  'Expired(uint64 asset, uint40 expiresAtSec)': notNow(
    'the ask or offer for asset {asset} ends at {expiresAtSec:time}, which is over: choose a later time, or wait for a new one',
  ),
  'NotForSale(uint64 asset)': notFound(
    'nobody asks a price for asset {asset}, or who asked has sold it since: make an offer with "npx weft market offer {asset}"',
  ),
  'NoOffer(uint64 asset, address buyer, address token)': notFound(
    '{buyer} has no offer in the token {token} for asset {asset} and its present owner: see what there is with "npx weft market asks {asset}"',
  ),
  'TermsChanged(uint64 asset, address token, uint256 price, uint32 tenure)': otherwise('WRONG_TERMS')(
    'the terms for asset {asset} changed: now {price} minor units of {token}, in tenure {tenure}; nothing was paid; agree to those, or leave it',
  ),
  'SaleRoyaltyRaised(uint64 asset, uint16 saleBps, uint16 agreed)': otherwise('WRONG_TERMS')(
    'the maker of asset {asset} gets {saleBps:percent} of later sales, more than the {agreed:percent} that the buyer agreed to: agree to that, or leave it',
  ),
  'PriceNotPaid(address token, uint256 arrived, uint256 price)': tooLittle(
    'only {arrived} of {price} minor units arrived: the token {token} takes a fee on transfers; sell in another one',
  ),
  'NotTheAsset(address collection, uint256 tokenId)': badInput(
    'token {tokenId} of {collection} is not the asset that these shares are for: send that one',
  ),
  'BadSupply(uint256 supply)': badInput('{supply} shares cannot be issued: choose 1 to 2^128 - 1'),
  'AlreadyIssued()': notNow('the shares are issued already: nothing to do'),
  'NotIssued()': notNow('there are no shares: the asset has not been sent to their contract, or was taken back'),
  'NotController(address caller)': notYours(
    '{caller} does not control the shares: holders vote about this; propose it with "npx weft govern"',
  ),
  'NotOperator(address caller)': notYours(
    '{caller} is not the operator of the asset: holders of its shares name one with "npx weft govern propose-operator"',
  ),
  'BadBounds(uint96 lowest, uint96 highest)': badInput(
    'the lowest price, {lowest}, is above the highest, {highest} (minor units)',
  ),
  'PriceOutOfBounds(string method, uint96 cost, uint96 lowest, uint96 highest)': badInput(
    'a call of {method} would cost up to {cost}, and the holders of shares allow {lowest} to {highest} (minor units): change the price, or have them vote',
  ),
  'WrongListing(uint64 asset, uint32 tenure)': badInput(
    'the listing is for asset {asset} in tenure {tenure}, not for the asset of these shares in its present one: sign one that is',
  ),
  'NotAllShares(address caller, uint256 held, uint256 supply)': notNow(
    '{caller} holds {held} of {supply} shares: only who holds every share gets the asset back',
  ),
  'NothingOwed(address holder)': notNow(
    '{holder} is owed nothing at present: collect what the asset earned first, or wait',
  ),
};
