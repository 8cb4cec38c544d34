// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../src/Escrow.sol";
import {Jobs} from "../src/Jobs.sol";
import {IAssets} from "../src/interfaces/IAssets.sol";
import {IJobs} from "../src/interfaces/IJobs.sol";
import {IRevenue} from "../src/interfaces/IRevenue.sol";
import {
    BlockingToken,
    FalseToken,
    FeeToken,
    HookToken,
    LyingToken,
    NoReturnToken,
    PlainToken
} from "./support/HostileTokens.sol";
import {WeftTest} from "./support/WeftTest.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Vm} from "forge-std/Vm.sol";

/// Accepts every submission whose digest it knows, as a contract that checks a proof would.
contract KnowingEvaluator {
    IJobs private immutable _jobs;
    bytes32 private immutable _known;

    constructor(IJobs jobs, bytes32 known) {
        (_jobs, _known) = (jobs, known);
    }

    function evaluate(bytes32 jobId, uint256 step) external {
        bytes32 deliverable = _jobs.stepOf(jobId, step).deliverable;
        if (deliverable == _known) _jobs.complete(jobId, step, deliverable, "known");
        else _jobs.reject(jobId, step, "unknown");
    }
}

/// A client that evaluates its own job in the middle of every movement of money.
contract GreedyClient {
    address internal jobs;
    bytes[] internal attacks;
    uint256 internal tried;
    uint256 public succeeded;
    bytes public answer;

    constructor(HookToken token, address jobs_) {
        jobs = jobs_;
        token.hook(true);
        token.approve(jobs_, type(uint256).max);
    }

    function arm(bytes[] calldata attacks_) external {
        delete attacks;
        for (uint256 i; i < attacks_.length; ++i) {
            attacks.push(attacks_[i]);
        }
        (tried, succeeded) = (0, 0);
    }

    function call(address to, bytes calldata data) external returns (bytes memory) {
        (bool ok, bytes memory why) = to.call(data);
        require(ok, string(why));
        return why;
    }

    function onToken() external {
        while (tried < attacks.length) {
            (bool ok, bytes memory why) = jobs.call(attacks[tried++]);
            if (ok) ++succeeded;
            else answer = why;
        }
    }
}

abstract contract JobsBase is WeftTest {
    bytes32 internal constant DELIVERABLE = keccak256("result");
    bytes32 internal constant REASON = keccak256("report");
    uint32 internal constant REVIEW = 2 days;

    Jobs internal jobs;
    Vm.Wallet internal client;
    address internal evaluator = makeAddr("evaluator");
    address internal treasury = makeAddr("treasury");
    address internal model = makeAddr("owner of the model");
    address internal modelKey = makeAddr("operator of the model");
    uint64 internal child;

    function setUp() public virtual override {
        super.setUp();
        jobs = new Jobs(escrow);
        client = vm.createWallet("client");
        _rich(client.addr);
        // Others' money, so that taking too much would succeed.
        _rich(stranger);
        _fundAs(stranger, _terms(_orders(asset, 5_000), 99));
        IAssets.Parent[] memory parents = new IAssets.Parent[](1);
        parents[0] = IAssets.Parent(uint48(asset), 2_000);
        vm.prank(model);
        child = assets.mint(modelKey, parents, bytes32(0));
    }

    function _rich(address who) internal {
        token.mint(who, 10_000);
        vm.prank(who);
        token.approve(address(jobs), type(uint256).max);
    }

    function _orders(uint64 a, uint96 amount) internal view returns (IJobs.Order[] memory list) {
        list = new IJobs.Order[](1);
        list[0] = IJobs.Order(a, assets.tenureOf(a), amount);
    }

    /// 600 for the child, 400 for its parent.
    function _two() internal view returns (IJobs.Order[] memory list) {
        list = new IJobs.Order[](2);
        list[0] = IJobs.Order(child, 1, 600);
        list[1] = IJobs.Order(asset, 1, 400);
    }

    function _terms(IJobs.Order[] memory orders, uint256 salt) internal view returns (IJobs.Terms memory) {
        return IJobs.Terms(evaluator, _expiry(), REVIEW, keccak256("brief"), bytes32(salt), orders);
    }

    function _fundAs(address who, IJobs.Terms memory terms) internal returns (bytes32) {
        vm.prank(who);
        return jobs.fund(terms);
    }

    function _funded() internal returns (bytes32) {
        return _fundAs(client.addr, _terms(_two(), 1));
    }

    /// Both steps submitted.
    function _submitted() internal returns (bytes32 id) {
        id = _funded();
        _submit(modelKey, id, 0);
        _submit(operator.addr, id, 1);
    }

    function _submit(address who, bytes32 id, uint256 step) internal {
        vm.prank(who);
        jobs.submit(id, step, DELIVERABLE);
    }

    function _complete(bytes32 id, uint256 step) internal {
        vm.prank(evaluator);
        jobs.complete(id, step, DELIVERABLE, REASON);
    }

    function _reject(address who, bytes32 id, uint256 step) internal {
        vm.prank(who);
        jobs.reject(id, step, REASON);
    }

    function _status(bytes32 id, uint256 step) internal view returns (IJobs.Status) {
        return jobs.stepOf(id, step).status;
    }

    function _assertStatus(bytes32 id, uint256 step, IJobs.Status status) internal view {
        assertEq(uint8(_status(id, step)), uint8(status), "status");
    }

    function _wrong(bytes32 id, uint256 step, IJobs.Status status) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IJobs.WrongStatus.selector, id, step, status);
    }
}

/// Given a client, an evaluator and two providers, one of which was built from the other.
contract JobsTest is JobsBase {
    // Funding

    function test_fund_takesTheSumAndTellsTheTerms() public {
        IJobs.Terms memory terms = _terms(_two(), 1);
        bytes32 id = keccak256(abi.encode(block.chainid, address(jobs), client.addr, terms));
        assertEq(jobs.jobIdOf(client.addr, terms), id);
        vm.expectEmit(address(jobs));
        emit IJobs.JobFunded(id, client.addr, evaluator, 1_000, terms);
        assertEq(_fundAs(client.addr, terms), id);
        assertEq(token.balanceOf(client.addr), 9_000);
        assertEq(token.balanceOf(address(jobs)), 6_000);
        IJobs.Job memory j = jobs.job(id);
        assertEq(j.client, client.addr);
        assertEq(j.evaluator, evaluator);
        assertEq(j.expiresAtSec, _expiry());
        assertEq(j.reviewSec, REVIEW);
        assertEq(j.steps, 2);
        IJobs.Step memory s = jobs.stepOf(id, 1);
        assertEq(s.asset, asset);
        assertEq(s.tenure, 1);
        assertEq(s.amount, 400);
        assertEq(s.submittedAtSec, 0);
        assertEq(s.deliverable, bytes32(0));
        _assertStatus(id, 1, IJobs.Status.Funded);
        _assertStatus(id, 2, IJobs.Status.None);
    }

    function test_fund_ofTheSameTermsAgainPaysOnce() public {
        bytes32 id = _funded();
        IJobs.Terms memory terms = _terms(_two(), 1);
        vm.expectRevert(abi.encodeWithSelector(IJobs.JobExists.selector, id));
        _fundAs(client.addr, terms);
        // Not even when it is all over.
        _reject(evaluator, id, 0);
        _reject(evaluator, id, 1);
        vm.expectRevert(abi.encodeWithSelector(IJobs.JobExists.selector, id));
        _fundAs(client.addr, terms);
        assertEq(token.balanceOf(client.addr), 9_000);
        // Another salt and another client's same terms are other jobs.
        terms.salt = bytes32(uint256(2));
        assertTrue(_fundAs(client.addr, terms) != id);
        terms.salt = bytes32(uint256(1));
        assertTrue(_fundAs(stranger, terms) != id);
    }

    function test_fund_idsStayWhatTheyAreWhenAForkChangesTheChain() public {
        bytes32 id = _funded();
        IJobs.Terms memory terms = _terms(_two(), 1);
        vm.chainId(4242);
        vm.expectRevert(abi.encodeWithSelector(IJobs.JobExists.selector, id));
        _fundAs(client.addr, terms);
    }

    function test_jobIdOf_dependsOnEveryTerm() public {
        bytes32[10] memory ids;
        for (uint256 i; i < 9; ++i) {
            IJobs.Terms memory terms = _terms(_two(), 1);
            if (i == 1) terms.evaluator = address(1);
            if (i == 2) terms.expiresAtSec += 1;
            if (i == 3) terms.reviewSec += 1;
            if (i == 4) terms.brief = 0;
            if (i == 5) terms.salt = 0;
            if (i == 6) terms.orders[0].amount += 1;
            if (i == 7) terms.orders[1].tenure += 1;
            if (i == 8) terms.orders[1].asset += 1;
            ids[i] = jobs.jobIdOf(client.addr, terms);
        }
        ids[9] = new Jobs(escrow).jobIdOf(client.addr, _terms(_two(), 1));
        for (uint256 i; i < 10; ++i) {
            for (uint256 k; k < i; ++k) {
                assertTrue(ids[i] != ids[k]);
            }
        }
    }

    function test_fund_refusesTermsThatCannotHold() public {
        IJobs.Terms memory terms = _terms(_two(), 1);
        terms.evaluator = address(0);
        _expectRefused(terms, abi.encodeWithSelector(IJobs.ZeroEvaluator.selector));
        terms = _terms(new IJobs.Order[](0), 1);
        _expectRefused(terms, abi.encodeWithSelector(IJobs.BadStepCount.selector, 0, 16));
        terms = _terms(new IJobs.Order[](17), 1);
        _expectRefused(terms, abi.encodeWithSelector(IJobs.BadStepCount.selector, 17, 16));
        terms = _terms(_two(), 1);
        terms.orders[1].amount = 0;
        _expectRefused(terms, abi.encodeWithSelector(IJobs.ZeroAmount.selector, 1));
        uint256 latest = block.timestamp + 365 days;
        uint40[3] memory ends = [uint40(0), uint40(block.timestamp), uint40(latest + 1)];
        for (uint256 i; i < 3; ++i) {
            terms = _terms(_two(), 1);
            terms.expiresAtSec = ends[i];
            _expectRefused(terms, abi.encodeWithSelector(IJobs.BadExpiry.selector, ends[i], latest));
        }
        uint32[3] memory reviews = [uint32(0), 1 hours - 1, 30 days + 1];
        for (uint256 i; i < 3; ++i) {
            terms = _terms(_two(), 1);
            terms.reviewSec = reviews[i];
            _expectRefused(terms, abi.encodeWithSelector(IJobs.BadReview.selector, reviews[i], 1 hours, 30 days));
        }
        terms = _terms(_two(), 1);
        terms.orders[1].tenure = 2;
        _expectRefused(terms, abi.encodeWithSelector(IJobs.WrongTenure.selector, asset, 2, 1));
        terms.orders[1] = IJobs.Order(99, 0, 1);
        _expectRefused(terms, abi.encodeWithSelector(IJobs.WrongTenure.selector, 99, 0, 0));
        assertEq(token.balanceOf(client.addr), 10_000);
    }

    function _expectRefused(IJobs.Terms memory terms, bytes memory reason) internal {
        vm.expectRevert(reason);
        _fundAs(client.addr, terms);
        vm.expectRevert(reason);
        vm.prank(client.addr);
        jobs.fundWithPermit(terms, block.timestamp, 27, 0, 0);
    }

    function test_fund_takesTheOutermostTermsAndSixteenSteps() public {
        IJobs.Order[] memory orders = new IJobs.Order[](16);
        for (uint256 i; i < 16; ++i) {
            orders[i] = IJobs.Order(asset, 1, type(uint96).max);
        }
        IJobs.Terms memory terms = _terms(orders, 1);
        terms.expiresAtSec = uint40(block.timestamp + 365 days);
        terms.reviewSec = 30 days;
        uint256 sum = 16 * uint256(type(uint96).max);
        token.mint(client.addr, sum);
        bytes32 id = _fundAs(client.addr, terms);
        assertEq(token.balanceOf(address(jobs)), 5_000 + sum);
        vm.warp(terms.expiresAtSec);
        uint256 gas = gasleft();
        assertEq(jobs.claimRefund(id), sum);
        assertLt(gas - gasleft(), 500_000, "bounded by the steps");
        assertEq(jobs.balances(client.addr), sum);
    }

    function test_fund_needsTheClientsConsent() public {
        vm.prank(client.addr);
        token.approve(address(jobs), 999);
        IJobs.Terms memory terms = _terms(_two(), 1);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(jobs), 999, 1_000)
        );
        _fundAs(client.addr, terms);
        assertEq(jobs.job(jobs.jobIdOf(client.addr, terms)).client, address(0));
    }

    function test_fundWithPermit_needsNoApprovalAndNoFirstUse() public {
        IJobs.Terms memory terms = _terms(_two(), 1);
        vm.prank(client.addr);
        token.approve(address(jobs), 0);
        (uint8 v, bytes32 r, bytes32 s) = _permit(1_000, block.timestamp);
        bytes memory refused =
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(jobs), 0, 1_000);
        vm.expectRevert(refused);
        vm.prank(client.addr);
        jobs.fundWithPermit(terms, block.timestamp - 1, v, r, s);
        // I4: nobody spends another's permit.
        address thief = makeAddr("thief");
        vm.expectRevert(refused);
        vm.prank(thief);
        jobs.fundWithPermit(terms, block.timestamp, v, r, s);
        uint256 snapshot = vm.snapshotState();
        vm.prank(client.addr);
        jobs.fundWithPermit(terms, block.timestamp, v, r, s);
        assertEq(token.balanceOf(client.addr), 9_000);
        require(vm.revertToState(snapshot));
        // Somebody uses it first.
        token.permit(client.addr, address(jobs), 1_000, block.timestamp, v, r, s);
        vm.prank(client.addr);
        bytes32 id = jobs.fundWithPermit(terms, block.timestamp, v, r, s);
        _assertStatus(id, 0, IJobs.Status.Funded);
        assertEq(token.balanceOf(client.addr), 9_000);
    }

    function _permit(uint256 amount, uint256 deadlineSec) internal view returns (uint8 v, bytes32 r, bytes32 s) {
        return _signPermit(token, client, address(jobs), amount, deadlineSec);
    }

    // Submitting

    function test_submit_writesDownTheDigestOnce() public {
        bytes32 id = _funded();
        vm.warp(block.timestamp + 60);
        vm.expectEmit(address(jobs));
        emit IJobs.JobSubmitted(id, 1, operator.addr, DELIVERABLE);
        _submit(operator.addr, id, 1);
        IJobs.Step memory s = jobs.stepOf(id, 1);
        assertEq(s.deliverable, DELIVERABLE);
        assertEq(s.submittedAtSec, block.timestamp);
        _assertStatus(id, 0, IJobs.Status.Funded);
        vm.expectRevert(_wrong(id, 1, IJobs.Status.Submitted));
        vm.prank(operator.addr);
        jobs.submit(id, 1, keccak256("something better"));
    }

    function testFuzz_I4_submit_isTheProvidersOfThatStep(address caller) public {
        vm.assume(caller != operator.addr);
        bytes32 id = _funded();
        vm.expectRevert(abi.encodeWithSelector(IJobs.NotProvider.selector, id, 1, caller));
        _submit(caller, id, 1);
    }

    function test_submit_refusesOwnersClientsEvaluatorsAndOtherProviders() public {
        bytes32 id = _funded();
        address[5] memory others = [owner, client.addr, evaluator, modelKey, model];
        for (uint256 i; i < 5; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IJobs.NotProvider.selector, id, 1, others[i]));
            _submit(others[i], id, 1);
        }
        vm.expectRevert(abi.encodeWithSelector(IJobs.ZeroDeliverable.selector, id, 1));
        vm.prank(operator.addr);
        jobs.submit(id, 1, 0);
    }

    function test_submit_endsAtTheSecondOfExpiry() public {
        bytes32 id = _funded();
        uint40 end = _expiry();
        vm.warp(end);
        vm.expectRevert(abi.encodeWithSelector(IJobs.JobOver.selector, id, end));
        _submit(operator.addr, id, 1);
        vm.warp(end - 1);
        _submit(operator.addr, id, 1);
    }

    function test_submit_staysWithTheTenureThatTheJobNames() public {
        bytes32 id = _funded();
        vm.prank(owner);
        assets.transferFrom(owner, stranger, asset);
        vm.prank(stranger);
        assets.setOperator(asset, address(0xB0B));
        for (uint256 i; i < 2; ++i) {
            address later = i == 0 ? stranger : address(0xB0B);
            vm.expectRevert(abi.encodeWithSelector(IJobs.NotProvider.selector, id, 1, later));
            _submit(later, id, 1);
        }
        _submit(operator.addr, id, 1);
        _complete(id, 1);
        assertEq(revenue.balances(owner), 400);
        assertEq(revenue.balances(stranger), 0);
    }

    function test_submit_refusesAnOperatorThatWasRemoved() public {
        bytes32 id = _funded();
        vm.prank(owner);
        assets.setOperator(asset, address(0xB0B));
        vm.expectRevert(abi.encodeWithSelector(IJobs.NotProvider.selector, id, 1, operator.addr));
        _submit(operator.addr, id, 1);
        // Nor does it decline for the asset.
        vm.expectRevert(abi.encodeWithSelector(IJobs.NotEvaluator.selector, id, operator.addr));
        _reject(operator.addr, id, 1);
        // After a sale the one who sold it can still finish.
        vm.prank(owner);
        assets.transferFrom(owner, stranger, asset);
        _submit(owner, id, 1);
    }

    // Completing

    function test_complete_paysTheStepAsIncomeOfItsTenure() public {
        vm.prank(governance);
        revenue.setFee(500, treasury);
        bytes32 id = _submitted();
        vm.expectEmit(address(jobs));
        emit IJobs.JobCompleted(id, 0, evaluator, REASON);
        vm.expectEmit(address(jobs));
        emit IJobs.PaymentReleased(id, 0, child, 1, 600);
        vm.expectEmit(address(revenue));
        emit IRevenue.Paid(child, 1, address(jobs), 600);
        _complete(id, 0);
        // Fee 5 % of 600, then a fifth of the rest for the parent.
        assertEq(revenue.balances(treasury), 30);
        assertEq(revenue.balances(model), 456);
        revenue.release(asset, 1);
        assertEq(revenue.balances(owner), 114);
        assertEq(token.balanceOf(address(jobs)), 5_000 + 400);
        assertEq(token.allowance(address(jobs), address(escrow)), 0);
        _assertStatus(id, 0, IJobs.Status.Completed);
        _assertStatus(id, 1, IJobs.Status.Submitted);
        assertEq(jobs.balances(client.addr), 0);
    }

    function testFuzz_completeInPart_dividesToTheLastUnit(uint96 amount, uint96 part) public {
        amount = uint96(bound(amount, 1, type(uint96).max));
        part = uint96(bound(part, 1, amount));
        token.mint(client.addr, amount);
        bytes32 id = _fundAs(client.addr, _terms(_orders(asset, amount), 1));
        _submit(operator.addr, id, 0);
        vm.prank(evaluator);
        jobs.completeInPart(id, 0, DELIVERABLE, part, REASON);
        assertEq(revenue.balances(owner), part);
        assertEq(jobs.balances(client.addr), amount - part);
        assertEq(token.balanceOf(address(jobs)), 5_000 + uint256(amount) - part);
        _assertStatus(id, 0, IJobs.Status.Completed);
    }

    function test_completeInPart_tellsBothShares() public {
        bytes32 id = _submitted();
        vm.expectEmit(address(jobs));
        emit IJobs.JobCompleted(id, 1, evaluator, REASON);
        vm.expectEmit(address(jobs));
        emit IJobs.Refunded(id, 1, client.addr, 150);
        vm.expectEmit(address(jobs));
        emit IJobs.PaymentReleased(id, 1, asset, 1, 250);
        vm.prank(evaluator);
        jobs.completeInPart(id, 1, DELIVERABLE, 250, REASON);
    }

    function test_completeInPart_refusesNothingAndMoreThanAll() public {
        bytes32 id = _submitted();
        uint96[3] memory bad = [uint96(0), 401, type(uint96).max];
        for (uint256 i; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IJobs.BadShare.selector, id, 1, bad[i], 400));
            vm.prank(evaluator);
            jobs.completeInPart(id, 1, DELIVERABLE, bad[i], REASON);
        }
    }

    function testFuzz_I4_complete_isTheEvaluators(address caller) public {
        vm.assume(caller != evaluator);
        bytes32 id = _submitted();
        bytes memory refused = abi.encodeWithSelector(IJobs.NotEvaluator.selector, id, caller);
        vm.startPrank(caller);
        vm.expectRevert(refused);
        jobs.complete(id, 1, DELIVERABLE, REASON);
        vm.expectRevert(refused);
        jobs.completeInPart(id, 1, DELIVERABLE, 1, REASON);
        if (caller == operator.addr) return;
        vm.expectRevert(refused);
        jobs.reject(id, 1, REASON);
    }

    function test_I4_complete_refusesEverybodyElseInTheJob() public {
        bytes32 id = _submitted();
        address[5] memory others = [owner, client.addr, operator.addr, modelKey, governance];
        for (uint256 i; i < 5; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IJobs.NotEvaluator.selector, id, others[i]));
            vm.prank(others[i]);
            jobs.complete(id, 1, DELIVERABLE, REASON);
        }
        // The client cannot take it back, nor does the evaluator of another job.
        vm.expectRevert(abi.encodeWithSelector(IJobs.NotEvaluator.selector, id, client.addr));
        _reject(client.addr, id, 1);
    }

    function test_complete_isOfWhatTheEvaluatorSaw() public {
        bytes32 id = _submitted();
        bytes memory other = abi.encodeWithSelector(IJobs.OtherDeliverable.selector, id, 1, DELIVERABLE);
        vm.startPrank(evaluator);
        vm.expectRevert(other);
        jobs.complete(id, 1, keccak256("another result"), REASON);
        vm.expectRevert(other);
        jobs.completeInPart(id, 1, 0, 1, REASON);
    }

    function test_complete_byAContractThatLooksAtTheDigest() public {
        KnowingEvaluator knowing = new KnowingEvaluator(jobs, DELIVERABLE);
        evaluator = address(knowing);
        bytes32 id = _funded();
        _submit(modelKey, id, 0);
        vm.prank(operator.addr);
        jobs.submit(id, 1, keccak256("garbage"));
        knowing.evaluate(id, 0);
        knowing.evaluate(id, 1);
        _assertStatus(id, 0, IJobs.Status.Completed);
        _assertStatus(id, 1, IJobs.Status.Rejected);
        assertEq(jobs.balances(client.addr), 400);
    }

    function test_complete_byAClientWhoEvaluatesHimself() public {
        evaluator = client.addr;
        bytes32 id = _submitted();
        vm.prank(client.addr);
        jobs.complete(id, 1, DELIVERABLE, REASON);
        assertEq(revenue.balances(owner), 400);
    }

    // Rejecting

    function test_reject_givesTheClientHisMoneyBackBeforeAndAfterSubmission() public {
        bytes32 id = _funded();
        _submit(modelKey, id, 0);
        vm.expectEmit(address(jobs));
        emit IJobs.JobRejected(id, 0, evaluator, REASON);
        vm.expectEmit(address(jobs));
        emit IJobs.Refunded(id, 0, client.addr, 600);
        _reject(evaluator, id, 0);
        assertEq(jobs.balances(client.addr), 600);
        _reject(evaluator, id, 1);
        assertEq(jobs.balances(client.addr), 1_000);
        vm.prank(client.addr);
        jobs.withdraw(1_000, client.addr);
        assertEq(token.balanceOf(client.addr), 10_000);
        assertEq(token.balanceOf(address(jobs)), 5_000);
    }

    function test_reject_letsAProviderDeclineHisStepOnly() public {
        bytes32 id = _funded();
        _submit(modelKey, id, 0);
        vm.expectRevert(abi.encodeWithSelector(IJobs.NotEvaluator.selector, id, operator.addr));
        _reject(operator.addr, id, 0);
        vm.expectEmit(address(jobs));
        emit IJobs.JobRejected(id, 1, operator.addr, REASON);
        _reject(operator.addr, id, 1);
        assertEq(jobs.balances(client.addr), 400);
        // Also what he submitted, however late.
        vm.warp(block.timestamp + REVIEW);
        _reject(modelKey, id, 0);
        assertEq(jobs.balances(client.addr), 1_000);
    }

    // Silence

    function test_I5_aSilentEvaluatorStrandsNothing() public {
        bytes32 id = _funded();
        _submit(modelKey, id, 0);
        uint256 end = block.timestamp + REVIEW;
        vm.warp(end - 1);
        vm.expectRevert(abi.encodeWithSelector(IJobs.ReviewNotOver.selector, id, 0, end));
        jobs.claimPayment(id, 0);
        vm.warp(end);
        // From that second on the evaluator has accepted, and only that.
        bytes memory over = abi.encodeWithSelector(IJobs.ReviewOver.selector, id, 0, end);
        vm.startPrank(evaluator);
        vm.expectRevert(over);
        jobs.reject(id, 0, REASON);
        vm.expectRevert(over);
        jobs.complete(id, 0, DELIVERABLE, REASON);
        vm.expectRevert(over);
        jobs.completeInPart(id, 0, DELIVERABLE, 1, REASON);
        vm.stopPrank();
        vm.expectEmit(address(jobs));
        emit IJobs.JobCompleted(id, 0, address(0), 0);
        vm.prank(stranger);
        jobs.claimPayment(id, 0);
        assertEq(revenue.balances(model), 480);
        // What was not submitted is the client's at the expiry.
        vm.warp(_terms(_two(), 1).expiresAtSec);
        vm.prank(stranger);
        jobs.claimRefund(id);
        assertEq(jobs.balances(client.addr), 400);
        assertEq(token.balanceOf(address(jobs)), 5_400);
    }

    function test_I5_theEvaluatorHasHisReviewAlsoForWhatCameInTheLastSecond() public {
        bytes32 id = _funded();
        uint40 expires = _expiry();
        vm.warp(expires - 1);
        _submit(modelKey, id, 0);
        vm.warp(expires);
        jobs.claimRefund(id);
        assertEq(jobs.balances(client.addr), 400, "what was submitted is not refunded");
        vm.warp(expires - 1 + REVIEW - 1);
        _reject(evaluator, id, 0);
        assertEq(jobs.balances(client.addr), 1_000);
    }

    function test_claimRefund_beginsAtTheSecondOfExpiryAndPaysOnce() public {
        bytes32 id = _funded();
        uint40 end = _expiry();
        vm.warp(end - 1);
        vm.expectRevert(abi.encodeWithSelector(IJobs.NotExpired.selector, id, end));
        jobs.claimRefund(id);
        vm.warp(end);
        for (uint256 i; i < 2; ++i) {
            vm.expectEmit(address(jobs));
            emit IJobs.JobExpired(id, i);
            vm.expectEmit(address(jobs));
            emit IJobs.Refunded(id, i, client.addr, i == 0 ? 600 : 400);
        }
        vm.prank(stranger);
        assertEq(jobs.claimRefund(id), 1_000);
        assertEq(jobs.balances(client.addr), 1_000);
        vm.expectRevert(abi.encodeWithSelector(IJobs.NothingToRefund.selector, id));
        jobs.claimRefund(id);
        vm.expectRevert(abi.encodeWithSelector(IJobs.NothingToRefund.selector, bytes32("no job")));
        jobs.claimRefund("no job");
    }

    // Withdrawing

    function test_withdraw_paysOutTheCallersBalanceOnly() public {
        bytes32 id = _funded();
        _reject(evaluator, id, 1);
        vm.expectRevert(abi.encodeWithSelector(IJobs.InsufficientBalance.selector, evaluator, 0, 1));
        vm.prank(evaluator);
        jobs.withdraw(1, evaluator);
        address[4] memory bad = [address(0), address(jobs), address(revenue), address(escrow)];
        vm.startPrank(client.addr);
        for (uint256 i; i < 4; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IJobs.BadRecipient.selector, bad[i]));
            jobs.withdraw(1, bad[i]);
        }
        vm.expectRevert(abi.encodeWithSelector(IJobs.InsufficientBalance.selector, client.addr, 400, 401));
        jobs.withdraw(401, client.addr);
        vm.expectEmit(address(jobs));
        emit IJobs.Withdrawn(client.addr, model, 300);
        jobs.withdraw(300, model);
        jobs.withdraw(100, client.addr);
        assertEq(token.balanceOf(model), 300);
        assertEq(token.balanceOf(client.addr), 9_100);
        assertEq(jobs.balances(client.addr), 0);
    }

    function test_T15_aDonationIsNobodysAndDisturbsNothing() public {
        token.mint(address(jobs), 77);
        bytes32 id = _submitted();
        _complete(id, 1);
        _reject(evaluator, id, 0);
        vm.prank(client.addr);
        jobs.withdraw(600, client.addr);
        assertEq(token.balanceOf(address(jobs)), 5_000 + 77);
    }

    // The state table of IJobs

    enum Move {
        Submit,
        Complete,
        CompleteInPart,
        RejectByEvaluator,
        RejectByProvider,
        ClaimPayment,
        ClaimRefund
    }

    enum At {
        None,
        Funded,
        FundedExpired,
        Submitted,
        SubmittedReviewed,
        SubmittedExpired, // the job is, the review is not over
        Completed,
        Rejected,
        Expired
    }

    /// Every move in every state: what the table allows happens, everything else is refused and changes nothing.
    function test_I3_everyMoveInEveryStateDoesWhatTheTableSays() public {
        for (uint8 at; at <= uint8(type(At).max); ++at) {
            for (uint8 move; move <= uint8(type(Move).max); ++move) {
                uint256 snapshot = vm.snapshotState();
                bytes32 id = _bring(At(at));
                IJobs.Status before = _status(id, 0);
                uint256 held = token.balanceOf(address(jobs));
                uint256 back = jobs.balances(client.addr);
                bool done = _try(Move(move), id);
                IJobs.Status expected = _expected(At(at), Move(move), before);
                string memory name = string.concat(vm.toString(uint256(at)), " ", vm.toString(uint256(move)));
                assertEq(done, expected != before, name);
                assertEq(uint8(_status(id, 0)), uint8(expected), name);
                uint256 paid = held - token.balanceOf(address(jobs));
                uint256 returned = jobs.balances(client.addr) - back;
                if (!done || expected == IJobs.Status.Submitted) {
                    assertEq(paid + returned, 0, name);
                } else if (expected == IJobs.Status.Completed) {
                    assertEq(paid, Move(move) == Move.CompleteInPart ? 250 : 400, name);
                    assertEq(paid + returned, 400, name);
                } else {
                    assertEq(paid, 0, name);
                    assertEq(returned, 400, name);
                }
                require(vm.revertToState(snapshot));
            }
        }
    }

    function _expected(At at, Move move, IJobs.Status before) internal pure returns (IJobs.Status) {
        bool funded = at == At.Funded || at == At.FundedExpired;
        bool reviewed = at == At.Submitted || at == At.SubmittedExpired;
        if (move == Move.Submit && at == At.Funded) return IJobs.Status.Submitted;
        if ((move == Move.Complete || move == Move.CompleteInPart) && reviewed) return IJobs.Status.Completed;
        if (move == Move.RejectByEvaluator && (funded || reviewed)) return IJobs.Status.Rejected;
        if (move == Move.RejectByProvider && (funded || reviewed || at == At.SubmittedReviewed)) {
            return IJobs.Status.Rejected;
        }
        if (move == Move.ClaimPayment && at == At.SubmittedReviewed) return IJobs.Status.Completed;
        if (move == Move.ClaimRefund && at == At.FundedExpired) return IJobs.Status.Expired;
        return before;
    }

    function _bring(At at) internal returns (bytes32 id) {
        if (at == At.None) return keccak256("no job");
        id = _fundAs(client.addr, _terms(_orders(asset, 400), 1));
        uint40 expires = _expiry();
        if (at == At.SubmittedExpired) vm.warp(expires - 1);
        if (at >= At.Submitted && at != At.Expired) _submit(operator.addr, id, 0);
        if (at == At.Completed) _complete(id, 0);
        if (at == At.Rejected) _reject(evaluator, id, 0);
        if (at == At.SubmittedReviewed) vm.warp(block.timestamp + REVIEW);
        if (at == At.FundedExpired || at == At.Expired || at == At.SubmittedExpired) vm.warp(expires);
        if (at == At.Expired) jobs.claimRefund(id);
    }

    function _try(Move move, bytes32 id) internal returns (bool done) {
        bytes memory data;
        address who = evaluator;
        if (move == Move.Submit) (who, data) = (operator.addr, abi.encodeCall(IJobs.submit, (id, 0, DELIVERABLE)));
        if (move == Move.Complete) data = abi.encodeCall(IJobs.complete, (id, 0, DELIVERABLE, REASON));
        if (move == Move.CompleteInPart) {
            data = abi.encodeCall(IJobs.completeInPart, (id, 0, DELIVERABLE, 250, REASON));
        }
        if (move == Move.RejectByEvaluator) data = abi.encodeCall(IJobs.reject, (id, 0, REASON));
        if (move == Move.RejectByProvider) {
            (who, data) = (operator.addr, abi.encodeCall(IJobs.reject, (id, 0, REASON)));
        }
        if (move == Move.ClaimPayment) (who, data) = (stranger, abi.encodeCall(IJobs.claimPayment, (id, 0)));
        if (move == Move.ClaimRefund) (who, data) = (stranger, abi.encodeCall(IJobs.claimRefund, (id)));
        vm.prank(who);
        (done,) = address(jobs).call(data);
    }
}

/// Given tokens that misbehave, nobody gains.
contract JobsHostileTokensTest is JobsBase {
    function _jobsOf(address hostile) internal {
        escrow = new Escrow(IERC20(hostile), assets, WINDOW, governance);
        revenue = escrow.revenue();
        jobs = new Jobs(escrow);
    }

    function _give(PlainToken hostile, address who) internal {
        hostile.mint(who, 10_000);
        vm.prank(who);
        hostile.approve(address(jobs), type(uint256).max);
    }

    function test_T12_fund_refusesATokenThatKeepsAPart() public {
        FeeToken fee = new FeeToken();
        _jobsOf(address(fee));
        _give(fee, client.addr);
        IJobs.Terms memory terms = _terms(_two(), 1);
        vm.expectRevert(abi.encodeWithSelector(IJobs.NotPaid.selector, 900, 1_000));
        _fundAs(client.addr, terms);
    }

    function test_T14_fund_refusesTokensThatSayFalseOrLieOrAreNone() public {
        FalseToken no = new FalseToken();
        _jobsOf(address(no));
        _give(no, client.addr);
        IJobs.Terms memory terms = _terms(_two(), 1);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(no)));
        _fundAs(client.addr, terms);
        LyingToken lie = new LyingToken();
        _jobsOf(address(lie));
        _give(lie, client.addr);
        vm.expectRevert(abi.encodeWithSelector(IJobs.NotPaid.selector, 0, 1_000));
        _fundAs(client.addr, terms);
        escrow = new Escrow(IERC20(address(0xDEAD)), assets, WINDOW, governance);
        vm.expectRevert(abi.encodeWithSelector(IJobs.NotAContract.selector, address(0xDEAD)));
        new Jobs(escrow);
    }

    function test_T14_aTokenThatAnswersNothingWorks() public {
        NoReturnToken silent = new NoReturnToken();
        _jobsOf(address(silent));
        silent.mint(client.addr, 1_000);
        vm.prank(client.addr);
        silent.approve(address(jobs), 1_000);
        bytes32 id = _submitted();
        _complete(id, 1);
        _reject(evaluator, id, 0);
        vm.prank(client.addr);
        jobs.withdraw(600, client.addr);
        assertEq(silent.balanceOf(client.addr), 600);
        assertEq(revenue.balances(owner), 400);
    }

    function test_T13_aBlockedClientStopsNoProvider() public {
        BlockingToken blocking = new BlockingToken();
        _jobsOf(address(blocking));
        _give(blocking, client.addr);
        bytes32 id = _submitted();
        blocking.setBlocked(client.addr, true);
        blocking.setBlocked(owner, true);
        vm.prank(evaluator);
        jobs.completeInPart(id, 1, DELIVERABLE, 300, REASON);
        _reject(evaluator, id, 0);
        assertEq(revenue.balances(owner), 300);
        assertEq(jobs.balances(client.addr), 700);
        // He has it sent elsewhere.
        vm.prank(client.addr);
        jobs.withdraw(700, stranger);
        assertEq(blocking.balanceOf(stranger), 700);
    }

    /// Whatever a client tries in the middle of a transfer of his.
    function test_T11_aTokenWithHooksGainsNothingByReentering() public {
        HookToken hooks = new HookToken();
        _jobsOf(address(hooks));
        _give(hooks, stranger);
        _fundAs(stranger, _terms(_orders(asset, 5_000), 98)); // others' money
        GreedyClient greedy = new GreedyClient(hooks, address(jobs));
        hooks.mint(address(greedy), 1_000);
        evaluator = address(greedy);
        IJobs.Terms memory terms = _terms(_two(), 1);
        IJobs.Terms memory more = _terms(_orders(asset, 1), 2);
        bytes32 id = jobs.jobIdOf(address(greedy), terms);
        bytes[] memory attacks = new bytes[](6);
        attacks[0] = abi.encodeCall(IJobs.fund, (more));
        attacks[1] = abi.encodeCall(IJobs.reject, (id, 0, REASON)); // may be done, and takes nothing out
        attacks[2] = abi.encodeCall(IJobs.withdraw, (600, address(greedy)));
        attacks[3] = abi.encodeCall(IJobs.complete, (id, 1, DELIVERABLE, REASON));
        attacks[4] = abi.encodeCall(IJobs.fund, (terms));
        attacks[5] = abi.encodeCall(IJobs.claimPayment, (id, 1));
        greedy.arm(attacks);
        greedy.call(address(jobs), abi.encodeCall(IJobs.fund, (terms)));
        assertEq(greedy.succeeded(), 1);
        assertEq(bytes4(greedy.answer()), ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        assertEq(hooks.balanceOf(address(jobs)), 6_000);
        assertEq(hooks.balanceOf(address(greedy)), 0);
        assertEq(jobs.balances(address(greedy)), 600);
        // And once more while he withdraws, with a step to evaluate.
        _submit(operator.addr, id, 1);
        attacks = new bytes[](3);
        attacks[2] = abi.encodeCall(IJobs.complete, (id, 1, DELIVERABLE, REASON));
        attacks[0] = abi.encodeCall(IJobs.withdraw, (600, address(greedy)));
        attacks[1] = abi.encodeCall(IJobs.withdraw, (1, address(greedy)));
        greedy.arm(attacks);
        greedy.call(address(jobs), abi.encodeCall(IJobs.withdraw, (600, address(greedy))));
        assertEq(greedy.succeeded(), 0);
        assertEq(hooks.balanceOf(address(greedy)), 600);
        assertEq(hooks.balanceOf(address(jobs)), 5_400);
    }
}
