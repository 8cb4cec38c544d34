import { badInput, badSignature, fault, notFound, notNow, notYours, type Sentences, tooLittle } from './sentence.js';

/** In the order of OpenZeppelin's ProposalState; the bit map of the states that would do stands beside it. */
const STATE = '{state:pending|active|canceled|defeated|succeeded|queued|expired|executed}';

/** Errors of OpenZeppelin's contracts, in ours and in tokens of others, and Solidity's own. */
export const openZeppelinErrors: Sentences = {
  'ERC20InsufficientBalance(address account, uint256 balance, uint256 needed)': tooLittle(
    '{account} has {balance} of the token and would need {needed} (minor units): get more of it first',
  ),
  'ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed)': tooLittle(
    '{spender} may take {allowance} of the token and would need {needed} (minor units): approve that much first',
  ),
  'ERC20InvalidApprover(address approver)': badInput('{approver} cannot allow anybody to take tokens'),
  'ERC20InvalidReceiver(address receiver)': badInput('{receiver} cannot receive the token: give another address'),
  'ERC20InvalidSender(address sender)': badInput('{sender} cannot send the token'),
  'ERC20InvalidSpender(address spender)': badInput('{spender} cannot be allowed to take tokens: give another address'),
  'ERC20ExceededSafeSupply(uint256 supply, uint256 max)': badInput(
    'a supply of {supply} is more than the {max} whose votes can be counted',
  ),
  'ERC2612ExpiredSignature(uint256 deadlineSec)': notNow(
    'the permit held until {deadlineSec:time}: sign a new one, or approve instead',
  ),
  'ERC2612InvalidSigner(address signer, address owner)': badSignature(
    'the permit is signed by {signer}, or was made for other terms; the tokens are those of {owner}, who has to sign it',
  ),
  'ECDSAInvalidSignature()': badSignature('the signature is none: sign again'),
  'ECDSAInvalidSignatureLength(uint256 length)': badSignature('a signature of {length} bytes is none: sign again'),
  'ECDSAInvalidSignatureS(bytes32 s)': badSignature(
    'the signature is in a second form that others can make of it (s is {s}): sign again with a library that gives the low form',
  ),
  'InvalidAccountNonce(address account, uint256 nonce)': notNow(
    'the signature of {account} was used already, or is out of turn (the next has number {nonce}): sign a new one',
  ),
  'VotesExpiredSignature(uint256 deadlineSec)': notNow(
    'the signed vote or delegation held until {deadlineSec:time}: sign a new one',
  ),
  'ERC5805FutureLookup(uint256 timepoint, uint48 clock)': notNow(
    'votes at {timepoint:time} are not known yet, it is {clock:time}: ask again after that',
  ),
  'ERC6372InconsistentClock()': fault('the votes are counted by two clocks'),
  'CheckpointUnorderedInsertion()': fault('the votes were recorded out of order'),
  'SafeERC20FailedOperation(address token)': notNow(
    'the token {token} refused the transfer: it may be paused, or block one of the two; use another token',
  ),
  'ReentrancyGuardReentrantCall()': notNow(
    'the contract was called again while it was at work: a token or receiver tried that, and nothing was done',
  ),
  'SafeCastOverflowedUintDowncast(uint8 bits, uint256 value)': badInput(
    '{value} is too large: at most {bits} bits fit here',
  ),
  'InvalidShortString()': fault('a short string is broken'),
  'StringTooLong(string str)': badInput('the text "{str}" is too long: at most 31 bytes fit here'),
  'FailedCall()': notNow('what was voted for was refused by the contract it calls, without saying why'),
  'AccessControlUnauthorizedAccount(address account, bytes32 role)': notYours(
    '{account} lacks the role {role} in the timelock: it does only what its governor decided',
  ),
  'AccessControlBadConfirmation()': badInput('a role can be given up only by who has it'),
  'GovernorAlreadyCastVote(address voter)': notNow('{voter} has voted about this already: a vote cannot be changed'),
  'GovernorAlreadyQueuedProposal(uint256 proposalId)': notNow(
    'proposal {proposalId} is queued already: execute it when it is due',
  ),
  'GovernorDisabledDeposit()': badInput('the governor takes neither coins nor tokens: send them elsewhere'),
  'GovernorInsufficientProposerVotes(address proposer, uint256 votes, uint256 threshold)': notYours(
    '{proposer} had {votes} votes a moment ago and needs {threshold} to propose: get votes delegated ("npx weft govern delegate"; holding tokens is not enough)',
  ),
  'GovernorInvalidProposalLength(uint256 targets, uint256 calldatas, uint256 values)': badInput(
    'a proposal names as many targets ({targets}) as calls ({calldatas}) and values ({values}), and at least one',
  ),
  'GovernorInvalidQuorumFraction(uint256 numerator, uint256 denominator)': badInput(
    'a quorum of {numerator} in {denominator} is more than all votes: choose less',
  ),
  'GovernorInvalidSignature(address voter)': badSignature(
    'the vote is not signed by {voter}, or is for another proposal, chain or governor',
  ),
  'GovernorInvalidVoteParams()': badInput('the vote carries parameters, and this governor takes none'),
  'GovernorInvalidVoteType()': badInput('vote against (0), for (1) or abstain (2)'),
  'GovernorInvalidVotingPeriod(uint256 periodSec)': badInput('a vote cannot last {periodSec:span}: give it a time'),
  'GovernorNonexistentProposal(uint256 proposalId)': notFound(
    'the governor knows no proposal {proposalId}: see which there are with "npx weft govern show"',
  ),
  'GovernorOnlyExecutor(address account)': notYours('{account} cannot do this: only the timelock can, after a vote'),
  'GovernorProposalQueueingFailed(uint256 proposalId)': fault('proposal {proposalId} could not be queued'),
  'GovernorProposalQueueingNotRequired(uint256 proposalId)': notNow('proposal {proposalId} needs no queue: execute it'),
  'GovernorRestrictedProposer(address proposer)': notYours(
    '{proposer} may not make this proposal: its text names another proposer',
  ),
  'GovernorUnableToCancel(uint256 proposalId, address account)': notYours(
    '{account} cannot cancel proposal {proposalId}: only its proposer can, and only before the vote begins',
  ),
  'GovernorUnexpectedProposalState(uint256 proposalId, uint8 state, bytes32 wanted)': notNow(
    `proposal {proposalId} is ${STATE}, and this needs another state (bits {wanted}): see when with "npx weft govern show {proposalId}"`,
  ),
  'TimelockInsufficientDelay(uint256 delaySec, uint256 minSec)': badInput(
    'a delay of {delaySec:span} is shorter than the timelock’s {minSec:span}',
  ),
  'TimelockInvalidOperationLength(uint256 targets, uint256 payloads, uint256 values)': badInput(
    'an operation names as many targets ({targets}) as calls ({payloads}) and values ({values})',
  ),
  'TimelockUnauthorizedCaller(address caller)': notYours(
    '{caller} cannot change the timelock: only the timelock itself can, after a vote',
  ),
  'TimelockUnexecutedPredecessor(bytes32 operationId)': notNow('operation {operationId} has to be executed first'),
  'TimelockUnexpectedOperationState(bytes32 operationId, bytes32 wanted)': notNow(
    'operation {operationId} of the timelock is not due yet, or was done (it needs the states {wanted}): see when with "npx weft govern show"',
  ),
  'Error(string reason)': notNow('the contract refused: {reason}'),
  'Panic(uint256 code)': fault('a contract met a fault (panic {code}): nothing was done'),
};
