// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAssets} from "./IAssets.sol";
import {IRevenue} from "./IRevenue.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title Work that is too valuable or too long for a voucher
/// @notice A client funds a job of up to MAX_STEPS steps, each an amount for an asset in a tenure; the asset's operator
/// submits the digest of the result; the evaluator whom the client named completes or rejects it. Every step settles
/// alone, and once. Named after the ERC-8183 draft, with these differences: a job is created and funded in one
/// transaction (so there is no state Open), its id is the hash of its terms, it may have several providers, who are
/// assets and not addresses, and the evaluator's silence cannot take away what was submitted.
///
/// | a step that is | may | by | and then is | the money |
/// | --- | --- | --- | --- | --- |
/// | None | fund | the client, for all steps of a job | Funded | amount taken from the client |
/// | Funded | submit, before expiresAtSec | the provider | Submitted | |
/// | Funded | reject | evaluator or provider | Rejected | all to the client |
/// | Funded | claimRefund, from expiresAtSec on | anyone | Expired | all to the client |
/// | Submitted | complete, completeInPart, before the review ends | the evaluator | Completed | the share through Revenue, the rest to the client |
/// | Submitted | reject, before the review ends | the evaluator | Rejected | all to the client |
/// | Submitted | reject | the provider | Rejected | all to the client |
/// | Submitted | claimPayment, from the end of the review on | anyone | Completed | all through Revenue |
/// | Completed, Rejected, Expired | nothing | | | |
///
/// The review ends reviewSec after the submission. An evaluator who stays silent until then has accepted: the client chose
/// him and the time he has, the provider could choose neither, and a client who evaluates himself would else have the work
/// for nothing by doing nothing. So the client risks the amounts of his steps, on the evaluator whom he named, and has what
/// is not paid back by expiresAtSec + reviewSec at the latest, with nobody's help. The provider risks the work of one step,
/// on an evaluator whom he can see before he begins. The evaluator can send money to these two only, and keep it from
/// neither.
///
/// What providers earn goes through {IRevenue-pay}: fee and royalties are taken as from any other income, and it belongs to
/// the tenure that the job names, also after a sale. What clients get back waits in {balances}, so that a token that refuses
/// one of them stops no provider. One Jobs per token and nobody's admin; times are unix seconds.
interface IJobs {
    enum Status {
        None,
        Funded,
        Submitted,
        Completed,
        Rejected,
        Expired
    }

    /// @notice A provider's part, as the client wants it.
    struct Order {
        uint64 asset;
        uint32 tenure;
        uint96 amount;
    }

    /// @notice What a job is named after, together with its client. `brief`: digest of what is to be done. `salt`: the
    /// client's; the same terms with the same salt are the same job, so that funding it again cannot pay twice.
    struct Terms {
        address evaluator;
        uint40 expiresAtSec;
        uint32 reviewSec;
        bytes32 brief;
        bytes32 salt;
        Order[] orders;
    }

    struct Job {
        address client;
        uint40 expiresAtSec;
        uint32 reviewSec;
        uint8 steps;
        address evaluator;
    }

    /// @notice `deliverable`: the digest that was submitted, at `submittedAtSec`.
    struct Step {
        uint64 asset;
        uint32 tenure;
        uint96 amount;
        uint40 submittedAtSec;
        Status status;
        bytes32 deliverable;
    }

    event JobFunded(
        bytes32 indexed jobId, address indexed client, address indexed evaluator, uint256 amount, Terms terms
    );
    event JobSubmitted(bytes32 indexed jobId, uint256 indexed step, address indexed provider, bytes32 deliverable);
    /// @notice Zero `evaluator`: nobody evaluated in time.
    event JobCompleted(bytes32 indexed jobId, uint256 indexed step, address indexed evaluator, bytes32 reason);
    event JobRejected(bytes32 indexed jobId, uint256 indexed step, address indexed rejector, bytes32 reason);
    event JobExpired(bytes32 indexed jobId, uint256 indexed step);
    /// @notice `amount`, before fee and royalties, went to Revenue for a tenure.
    event PaymentReleased(
        bytes32 indexed jobId, uint256 indexed step, uint64 indexed asset, uint32 tenure, uint256 amount
    );
    /// @notice `amount` was added to the client's balance.
    event Refunded(bytes32 indexed jobId, uint256 indexed step, address indexed client, uint256 amount);
    event Withdrawn(address indexed client, address indexed to, uint256 amount);

    error NotAContract(address token);
    error ZeroEvaluator();
    error BadStepCount(uint256 count, uint256 max);
    error ZeroAmount(uint256 step);
    /// @notice A job is funded for the present tenure of each asset.
    error WrongTenure(uint64 asset, uint32 tenure, uint32 present);
    /// @notice It has to be after now and at most at `latestSec`.
    error BadExpiry(uint256 expiresAtSec, uint256 latestSec);
    error BadReview(uint256 reviewSec, uint256 minSec, uint256 maxSec);
    /// @notice These terms were funded already; choose another salt for another job.
    error JobExists(bytes32 jobId);
    /// @notice The token brought less than the sum of the steps: it takes a fee, or lies.
    error NotPaid(uint256 arrived, uint256 amount);
    /// @notice There is no such step, or it is in a state in which this is not to be had.
    error WrongStatus(bytes32 jobId, uint256 step, Status status);
    error NotProvider(bytes32 jobId, uint256 step, address caller);
    error NotEvaluator(bytes32 jobId, address caller);
    error ZeroDeliverable(bytes32 jobId, uint256 step);
    /// @notice What is there is not what the evaluator evaluated.
    error OtherDeliverable(bytes32 jobId, uint256 step, bytes32 deliverable);
    /// @notice A part is more than nothing and at most all; nothing is a rejection.
    error BadShare(bytes32 jobId, uint256 step, uint256 amount, uint256 max);
    error JobOver(bytes32 jobId, uint256 expiresAtSec);
    error NotExpired(bytes32 jobId, uint256 expiresAtSec);
    error ReviewOver(bytes32 jobId, uint256 step, uint256 endedAtSec);
    error ReviewNotOver(bytes32 jobId, uint256 step, uint256 endsAtSec);
    error NothingToRefund(bytes32 jobId);
    error InsufficientBalance(address client, uint256 balance, uint256 needed);
    /// @notice Money sent there could not be fetched again.
    error BadRecipient(address to);

    /// @notice Creates a job of the caller's and takes the sum of its steps from him.
    function fund(Terms calldata terms) external returns (bytes32 jobId);

    /// @notice {fund} with the ERC-2612 permit over the sum that allows it; a permit that was already used is no obstacle.
    function fundWithPermit(Terms calldata terms, uint256 deadlineSec, uint8 v, bytes32 r, bytes32 s)
        external
        returns (bytes32 jobId);

    /// @notice Hands in the digest of a step's result, once. Who acts for the step's tenure: its operator, or after a sale
    /// also who owned it.
    function submit(bytes32 jobId, uint256 step, bytes32 deliverable) external;

    /// @notice Accepts what was submitted, whole. Evaluator only. `deliverable` is what he evaluated; `reason` may be the
    /// digest of a report.
    function complete(bytes32 jobId, uint256 step, bytes32 deliverable, bytes32 reason) external;

    /// @notice Accepts a part of what was submitted: `amount` of the step's goes to the provider, the rest to the client.
    function completeInPart(bytes32 jobId, uint256 step, bytes32 deliverable, uint96 amount, bytes32 reason) external;

    /// @notice Ends a step without payment: the evaluator finds against it, or the provider declines it.
    function reject(bytes32 jobId, uint256 step, bytes32 reason) external;

    /// @notice Ends a submitted step that nobody evaluated in time: the provider is paid whole. Anyone may call it.
    function claimPayment(bytes32 jobId, uint256 step) external;

    /// @notice Ends all steps of an expired job for which nothing was submitted: the client gets it back. Anyone may call it.
    function claimRefund(bytes32 jobId) external returns (uint256 amount);

    /// @notice Pays `amount` of the caller's balance out to `to`.
    function withdraw(uint256 amount, address to) external;

    function token() external view returns (IERC20);
    function assets() external view returns (IAssets);
    function revenue() external view returns (IRevenue);
    function jobIdOf(address client, Terms calldata terms) external view returns (bytes32);
    function job(bytes32 jobId) external view returns (Job memory);
    function stepOf(bytes32 jobId, uint256 step) external view returns (Step memory);
    /// @notice What a client got back and has not withdrawn.
    function balances(address client) external view returns (uint256);
}
