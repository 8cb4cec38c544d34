import {
  badInput,
  badSignature,
  fault,
  notFound,
  notNow,
  notYours,
  otherwise,
  type Sentences,
  tooLittle,
} from './sentence.js';

/** Escrow and Revenue. */
export const escrowErrors: Sentences = {
  'BadWindow(uint256 windowSec, uint256 minSec, uint256 maxSec)': badInput(
    'a window of {windowSec:span} for disputes is out of bounds: choose {minSec:span} to {maxSec:span}',
  ),
  'BatchTooLarge(uint256 count, uint256 max)': badInput(
    '{count} entries are more than one transaction may have: send at most {max}',
  ),
  'BadRecipient(address to)': badInput('money sent to {to} could not be fetched again: give another address'),
  'InsufficientBalance(address account, uint256 balance, uint256 needed)': tooLittle(
    '{account} has {balance} here and would need {needed} (minor units): take less, or put in more first',
  ),
  'ZeroSigner(bytes32 account)': badInput(
    '{account} (channel or licence) was to get the signer zero: name the key that signs for it',
  ),
  'ZeroAmount()': badInput('the amount is zero: give at least 1 minor unit'),
  'BadExpiry(bytes32 channelId, uint256 expiresAtSec, uint256 afterSec, uint256 latestSec)': badInput(
    'channel {channelId} cannot expire at {expiresAtSec:time}: choose a time after {afterSec:time} and not after {latestSec:time}',
  ),
  'WrongTenure(uint64 asset, uint32 tenure, uint32 present)': notNow(
    'asset {asset} is in tenure {present}, not in tenure {tenure} (0: there is no such asset): it has changed hands; look at its present offer',
  ),
  'ChannelExists(bytes32 channelId)': notNow(
    'channel {channelId} exists already: top it up, or open another with another salt',
  ),
  'ChannelNotOpen(bytes32 channelId, uint8 status)': otherwise('CHANNEL_CLOSED')(
    'channel {channelId} is not open (its state: {status:none|open|closed}): open a new one',
  ),
  'ChannelExpired(bytes32 channelId, uint256 expiresAtSec)': otherwise('CHANNEL_EXPIRING')(
    'channel {channelId} expired at {expiresAtSec:time}: open a new one',
  ),
  'NotPayer(bytes32 channelId, address caller)': notYours(
    '{caller} is not the payer of channel {channelId}: only that key may do this',
  ),
  'NotOperator(bytes32 channelId, address caller)': notYours(
    '{caller} may not claim from channel {channelId}: only the operator of the channel’s tenure may, and its former owner once the asset is sold',
  ),
  'BadSpent(bytes32 channelId, uint256 spent, uint256 claimed, uint256 deposited)': badInput(
    'channel {channelId} cannot be closed at {spent}: at least the {claimed} that were claimed, at most the {deposited} that are in it (minor units)',
  ),
  'DeadlinePassed(bytes32 account, uint256 deadlineSec)': notNow(
    'the signature that ends {account} (channel or licence) held until {deadlineSec:time}: ask for a new one',
  ),
  'BadSignature(bytes32 account)': badSignature(
    'the signature for {account} (channel or licence) is not by the key that it needs, or is for another chain, contract or content, or in a second form of the same signature: sign again',
  ),
  'IncomeTooHigh(uint64 asset, uint32 tenure)': fault(
    'asset {asset} has earned more in tenure {tenure} than can be counted',
  ),
  'RoyaltiesTooHigh(uint256 tenureKey)': fault(
    'a parent has been credited more royalties than can be counted (tenure {tenureKey})',
  ),
  'NotRevenue(address caller)': notYours(
    '{caller} cannot fetch income out of the escrow: release it through Revenue ("npx weft release")',
  ),
  'UnknownTenure(uint64 asset, uint32 tenure)': notFound(
    'asset {asset} has never been in tenure {tenure}: see its tenures with "npx weft asset show {asset}"',
  ),
  'NotGovernance(address caller)': notYours(
    '{caller} cannot set the protocol’s fee: only a vote can; propose one with "npx weft govern propose-fee"',
  ),
  'FeeTooHigh(uint256 bps, uint256 max)': badInput(
    'a fee of {bps:percent} is above the {max:percent} that the contract allows for ever',
  ),
};
