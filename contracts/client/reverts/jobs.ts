import { badInput, notNow, notYours, type Sentences, tooLittle } from './sentence.js';

const STATUS = '{status:none|funded|submitted|completed|rejected|expired}';

export const jobErrors: Sentences = {
  'NotAContract(address token)': badInput(
    '{token} holds no contract, so it is no token: give the address of an ERC-20 on this chain',
  ),
  'ZeroEvaluator()': badInput('the job has no evaluator: name the key that decides about the work'),
  'BadStepCount(uint256 count, uint256 max)': badInput('a job of {count} steps cannot be funded: give it 1 to {max}'),
  'ZeroAmount(uint256 step)': badInput('step {step} pays nothing: give it at least 1 minor unit'),
  'BadExpiry(uint256 expiresAtSec, uint256 latestSec)': badInput(
    'the job cannot expire at {expiresAtSec:time}: choose a time after now and not after {latestSec:time}',
  ),
  'BadReview(uint256 reviewSec, uint256 minSec, uint256 maxSec)': badInput(
    'a review of {reviewSec:span} is out of bounds: choose {minSec:span} to {maxSec:span}',
  ),
  'JobExists(bytes32 jobId)': notNow('job {jobId} was funded already: choose another salt for another job'),
  'NotPaid(uint256 arrived, uint256 amount)': tooLittle(
    'only {arrived} of {amount} minor units arrived: the token takes a fee on transfers; use another token',
  ),
  'WrongStatus(bytes32 jobId, uint256 step, uint8 status)': notNow(
    `step {step} of job {jobId} is in a state (${STATUS}) in which this cannot be done: look at the job again`,
  ),
  'NotProvider(bytes32 jobId, uint256 step, address caller)': notYours(
    '{caller} is not the provider of step {step} of job {jobId}: only the operator of that step’s asset may do this',
  ),
  'NotEvaluator(bytes32 jobId, address caller)': notYours(
    '{caller} is not the evaluator of job {jobId}: only that key decides about the work',
  ),
  'ZeroDeliverable(bytes32 jobId, uint256 step)': badInput(
    'nothing was handed in for step {step} of job {jobId}: give the digest of the work',
  ),
  'OtherDeliverable(bytes32 jobId, uint256 step, bytes32 deliverable)': notNow(
    'what is handed in for step {step} of job {jobId} is {deliverable} by now: look at that before deciding',
  ),
  'BadShare(bytes32 jobId, uint256 step, uint256 amount, uint256 max)': badInput(
    '{amount} of {max} minor units is no part of step {step} of job {jobId}: pay 1 to {max}, or reject the work',
  ),
  'JobOver(bytes32 jobId, uint256 expiresAtSec)': notNow(
    'job {jobId} ended at {expiresAtSec:time}: what was not paid goes back to its client',
  ),
  'NotExpired(bytes32 jobId, uint256 expiresAtSec)': notNow(
    'job {jobId} runs until {expiresAtSec:time}: wait until then',
  ),
  'ReviewOver(bytes32 jobId, uint256 step, uint256 endedAtSec)': notNow(
    'the review of step {step} of job {jobId} ended at {endedAtSec:time}: it can be settled without the evaluator now',
  ),
  'ReviewNotOver(bytes32 jobId, uint256 step, uint256 endsAtSec)': notNow(
    'step {step} of job {jobId} is under review until {endsAtSec:time}: wait for the evaluator until then',
  ),
  'NothingToRefund(bytes32 jobId)': notNow('job {jobId} has nothing left to give back'),
};
