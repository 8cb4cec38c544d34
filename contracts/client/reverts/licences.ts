import { badInput, notFound, notNow, notYours, otherwise, type Sentences, tooLittle } from './sentence.js';

const KIND = '{kind:subscription|pass|rental|perpetual}';

export const licenceErrors: Sentences = {
  'BadSpan(uint8 kind, uint256 spanSec, uint256 maxSec)': badInput(
    `a ${KIND} cannot last {spanSec:span}: subscriptions and rentals last up to {maxSec:span}, passes may, what is perpetual has no end (0)`,
  ),
  'BadCalls(uint8 kind, uint64 calls)': badInput(
    `a ${KIND} cannot be for {calls} calls: a pass has 1 or more, nothing else has any`,
  ),
  'OnlyRentalsAreExclusive(uint8 kind)': badInput(`a ${KIND} cannot be exclusive: only rentals can`),
  'NoRefundWithoutEnd(uint8 kind)': badInput(
    `a ${KIND} without an end cannot be refundable: give it an end, or make it final`,
  ),
  'RevocableMustBeRefundable(uint8 kind)': badInput(
    `a ${KIND} that may be revoked must be refundable: who ends it pays back the rest`,
  ),
  'OfferExists(bytes32 offerId)': notNow(
    'licence offer {offerId} was made already: nothing to do, or choose other terms',
  ),
  'OfferNotOpen(bytes32 offerId, uint8 status)': notFound(
    'licence offer {offerId} is not open ({status:never made|open|withdrawn}): look for another',
  ),
  'ListingChanged(uint64 asset, bytes32 agreed, bytes32 present)': otherwise('LISTING_SUPERSEDED')(
    'asset {asset} has the listing {present} in force by now, not {agreed}: look at it and agree again',
  ),
  'ExclusivelyRented(uint64 asset, bytes32 licenceId, uint256 untilSec)': notNow(
    'asset {asset} is rented exclusively until {untilSec:time} (licence {licenceId}): try again then',
  ),
  'LicenceExists(bytes32 licenceId)': notNow(
    'licence {licenceId} was bought already: choose another salt for another one',
  ),
  'NotRunning(bytes32 licenceId)': notNow(
    'licence {licenceId} does not run: it was never sold, or was refunded or revoked; buy a new one',
  ),
  'LicenceExpired(bytes32 licenceId, uint256 untilSec)': notNow(
    'licence {licenceId} ended at {untilSec:time}: buy a new one',
  ),
  'NotHolder(bytes32 licenceId, address caller)': notYours(
    '{caller} does not hold licence {licenceId}: only its holder may do this',
  ),
  'CountNeeded(bytes32 licenceId)': notNow('pass {licenceId} is in use: seal it with the count of its operator first'),
  'NothingToCount(bytes32 licenceId)': notNow('licence {licenceId} is no pass in use: there is no count to seal'),
  'BadCount(bytes32 licenceId, uint256 uses, uint256 claimed, uint256 calls)': badInput(
    'pass {licenceId} cannot be sealed at {uses} calls: at least the {claimed} that were claimed, at most the {calls} that were bought',
  ),
  'NotTransferable(bytes32 licenceId)': notNow('licence {licenceId} was sold as one that cannot be passed on'),
  'NotRefundable(bytes32 licenceId)': notNow('licence {licenceId} was sold without a right to a refund'),
  'NotRevocable(bytes32 licenceId)': notNow('licence {licenceId} was sold as one that cannot be revoked'),
  'NotRenewable(bytes32 licenceId)': notNow('licence {licenceId} cannot be renewed: buy a new one'),
  'BadEnd(bytes32 licenceId, uint256 untilSec, uint256 presentSec, uint256 latestSec)': badInput(
    'licence {licenceId} cannot run until {untilSec:time}: choose whole periods after {presentSec:time}, and not after {latestSec:time}',
  ),
  'NotOfTenure(bytes32 licenceId, uint64 asset, uint32 tenure)': notYours(
    'licence {licenceId} was not sold in tenure {tenure} of asset {asset}: its income is not this tenure’s',
  ),
  'PriceNotPaid(uint256 arrived, uint256 price)': tooLittle(
    '{arrived} minor units arrived, not the price of {price}: the token takes a fee on transfers; it cannot be used here',
  ),
};
