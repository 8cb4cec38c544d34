// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Incoming} from "./Incoming.sol";
import {IAssets} from "./interfaces/IAssets.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IJobs} from "./interfaces/IJobs.sol";
import {IRevenue} from "./interfaces/IRevenue.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @title Jobs
/// @notice See {IJobs}. It pays in its escrow's token, through its escrow's Revenue.
contract Jobs is IJobs, ReentrancyGuardTransient {
    using Incoming for IERC20;
    using SafeERC20 for IERC20;

    uint256 public constant MAX_STEPS = 16;
    uint256 public constant MAX_SPAN = 365 days;
    uint256 public constant MIN_REVIEW = 1 hours;
    uint256 public constant MAX_REVIEW = 30 days;

    IERC20 public immutable token;
    IAssets public immutable assets;
    IRevenue public immutable revenue;
    IEscrow private immutable _escrow;
    /// As in {IEscrow}: ids stay what they are when a fork changes the chain's.
    uint256 private immutable _homeChainId = block.chainid;

    mapping(address client => uint256) public balances;
    mapping(bytes32 jobId => Job) private _jobs;
    mapping(bytes32 jobId => mapping(uint256 step => Step)) private _steps;

    constructor(IEscrow escrow) {
        _escrow = escrow;
        token = escrow.token();
        if (address(token).code.length == 0) revert NotAContract(address(token));
        assets = escrow.assets();
        revenue = escrow.revenue();
    }

    // Client

    function fund(Terms calldata terms) external nonReentrant returns (bytes32) {
        return _fund(terms, _sum(terms));
    }

    function fundWithPermit(Terms calldata terms, uint256 deadlineSec, uint8 v, bytes32 r, bytes32 s)
        external
        nonReentrant
        returns (bytes32)
    {
        uint256 amount = _sum(terms);
        token.tryPermit(amount, deadlineSec, v, r, s);
        return _fund(terms, amount);
    }

    function withdraw(uint256 amount, address to) external nonReentrant {
        // Check
        if (to == address(0) || to == address(this) || to == address(revenue) || to == address(_escrow)) {
            revert BadRecipient(to);
        }
        uint256 balance = balances[msg.sender];
        if (balance < amount) revert InsufficientBalance(msg.sender, balance, amount);
        // Effect
        unchecked {
            balances[msg.sender] = balance - amount;
        }
        emit Withdrawn(msg.sender, to, amount);
        // Interaction
        token.safeTransfer(to, amount);
    }

    // Provider

    function submit(bytes32 jobId, uint256 step, bytes32 deliverable) external {
        // Check
        Step storage s = _stepIn(jobId, step, Status.Funded);
        if (!_isProvider(s)) revert NotProvider(jobId, step, msg.sender);
        uint40 expiresAtSec = _jobs[jobId].expiresAtSec;
        if (block.timestamp >= expiresAtSec) revert JobOver(jobId, expiresAtSec);
        if (deliverable == bytes32(0)) revert ZeroDeliverable(jobId, step);
        // Effect
        s.status = Status.Submitted;
        s.submittedAtSec = uint40(block.timestamp);
        s.deliverable = deliverable;
        emit JobSubmitted(jobId, step, msg.sender, deliverable);
    }

    // Evaluator

    function complete(bytes32 jobId, uint256 step, bytes32 deliverable, bytes32 reason) external nonReentrant {
        Step storage s = _evaluated(jobId, step, deliverable);
        _complete(jobId, step, s, s.amount, msg.sender, reason);
    }

    function completeInPart(bytes32 jobId, uint256 step, bytes32 deliverable, uint96 amount, bytes32 reason)
        external
        nonReentrant
    {
        Step storage s = _evaluated(jobId, step, deliverable);
        if (amount == 0 || amount > s.amount) revert BadShare(jobId, step, amount, s.amount);
        _complete(jobId, step, s, amount, msg.sender, reason);
    }

    // Evaluator or provider

    function reject(bytes32 jobId, uint256 step, bytes32 reason) external {
        // Check
        Step storage s = _steps[jobId][step];
        Status status = s.status;
        if (status != Status.Funded && status != Status.Submitted) revert WrongStatus(jobId, step, status);
        if (!_isProvider(s)) {
            _onlyEvaluator(jobId);
            if (status == Status.Submitted) _inReview(jobId, step, s);
        }
        // Effect
        s.status = Status.Rejected;
        emit JobRejected(jobId, step, msg.sender, reason);
        _refund(jobId, step, _jobs[jobId].client, s.amount);
    }

    // Anyone

    function claimPayment(bytes32 jobId, uint256 step) external nonReentrant {
        Step storage s = _stepIn(jobId, step, Status.Submitted);
        uint256 endsAtSec = _reviewEnd(jobId, s);
        if (block.timestamp < endsAtSec) revert ReviewNotOver(jobId, step, endsAtSec);
        _complete(jobId, step, s, s.amount, address(0), bytes32(0));
    }

    function claimRefund(bytes32 jobId) external returns (uint256 amount) {
        // Check
        Job memory j = _jobs[jobId];
        if (block.timestamp < j.expiresAtSec) revert NotExpired(jobId, j.expiresAtSec);
        // Effect
        for (uint256 i; i < j.steps; ++i) {
            Step storage s = _steps[jobId][i];
            if (s.status != Status.Funded) continue;
            s.status = Status.Expired;
            emit JobExpired(jobId, i);
            amount += s.amount;
            _refund(jobId, i, j.client, s.amount);
        }
        if (amount == 0) revert NothingToRefund(jobId);
    }

    function jobIdOf(address client, Terms calldata terms) public view returns (bytes32) {
        return keccak256(abi.encode(_homeChainId, address(this), client, terms));
    }

    function job(bytes32 jobId) external view returns (Job memory) {
        return _jobs[jobId];
    }

    function stepOf(bytes32 jobId, uint256 step) external view returns (Step memory) {
        return _steps[jobId][step];
    }

    function _fund(Terms calldata terms, uint256 amount) private returns (bytes32 jobId) {
        // Check
        _checkTerms(terms);
        jobId = jobIdOf(msg.sender, terms);
        if (_jobs[jobId].client != address(0)) revert JobExists(jobId);
        // Effect
        _store(jobId, terms);
        emit JobFunded(jobId, msg.sender, terms.evaluator, amount, terms);
        // Interaction
        uint256 arrived = token.take(msg.sender, amount);
        if (arrived < amount) revert NotPaid(arrived, amount);
    }

    function _sum(Terms calldata terms) private pure returns (uint256 amount) {
        uint256 count = terms.orders.length;
        if (count == 0 || count > MAX_STEPS) revert BadStepCount(count, MAX_STEPS);
        for (uint256 i; i < count; ++i) {
            if (terms.orders[i].amount == 0) revert ZeroAmount(i);
            amount += terms.orders[i].amount;
        }
    }

    function _checkTerms(Terms calldata terms) private view {
        if (terms.evaluator == address(0)) revert ZeroEvaluator();
        uint256 latestSec = block.timestamp + MAX_SPAN;
        if (terms.expiresAtSec <= block.timestamp || terms.expiresAtSec > latestSec) {
            revert BadExpiry(terms.expiresAtSec, latestSec);
        }
        if (terms.reviewSec < MIN_REVIEW || terms.reviewSec > MAX_REVIEW) {
            revert BadReview(terms.reviewSec, MIN_REVIEW, MAX_REVIEW);
        }
    }

    function _store(bytes32 jobId, Terms calldata terms) private {
        uint256 count = terms.orders.length;
        _jobs[jobId] = Job({
            client: msg.sender,
            expiresAtSec: terms.expiresAtSec,
            reviewSec: terms.reviewSec,
            steps: uint8(count),
            evaluator: terms.evaluator
        });
        for (uint256 i; i < count; ++i) {
            Order calldata order = terms.orders[i];
            uint32 present = assets.tenureOf(order.asset);
            if (order.tenure != present || present == 0) revert WrongTenure(order.asset, order.tenure, present);
            Step storage s = _steps[jobId][i];
            (s.asset, s.tenure, s.amount, s.status) = (order.asset, order.tenure, order.amount, Status.Funded);
        }
    }

    /// What the caller, its evaluator, may decide now.
    function _evaluated(bytes32 jobId, uint256 step, bytes32 deliverable) private view returns (Step storage s) {
        s = _stepIn(jobId, step, Status.Submitted);
        _onlyEvaluator(jobId);
        _inReview(jobId, step, s);
        if (s.deliverable != deliverable) revert OtherDeliverable(jobId, step, s.deliverable);
    }

    /// Ends a step with `amount` for the provider and the rest for the client.
    function _complete(bytes32 jobId, uint256 step, Step storage s, uint96 amount, address evaluator, bytes32 reason)
        private
    {
        // Effect
        (uint64 asset, uint32 tenure, uint96 rest) = (s.asset, s.tenure, s.amount - amount);
        s.status = Status.Completed;
        emit JobCompleted(jobId, step, evaluator, reason);
        if (rest != 0) _refund(jobId, step, _jobs[jobId].client, rest);
        emit PaymentReleased(jobId, step, asset, tenure, amount);
        // Interaction
        token.forceApprove(address(_escrow), amount); // which takes it for Revenue
        revenue.pay(asset, tenure, amount);
    }

    function _refund(bytes32 jobId, uint256 step, address client, uint256 amount) private {
        balances[client] += amount;
        emit Refunded(jobId, step, client, amount);
    }

    function _stepIn(bytes32 jobId, uint256 step, Status wanted) private view returns (Step storage s) {
        s = _steps[jobId][step];
        if (s.status != wanted) revert WrongStatus(jobId, step, s.status);
    }

    function _isProvider(Step storage s) private view returns (bool) {
        return assets.actsFor(s.asset, s.tenure, msg.sender);
    }

    function _onlyEvaluator(bytes32 jobId) private view {
        if (_jobs[jobId].evaluator != msg.sender) revert NotEvaluator(jobId, msg.sender);
    }

    function _inReview(bytes32 jobId, uint256 step, Step storage s) private view {
        uint256 endsAtSec = _reviewEnd(jobId, s);
        if (block.timestamp >= endsAtSec) revert ReviewOver(jobId, step, endsAtSec);
    }

    function _reviewEnd(bytes32 jobId, Step storage s) private view returns (uint256) {
        return uint256(s.submittedAtSec) + _jobs[jobId].reviewSec;
    }
}
