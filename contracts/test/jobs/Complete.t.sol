// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IJobs} from "../../src/interfaces/IJobs.sol";
import {IRevenue} from "../../src/interfaces/IRevenue.sol";
import {JobsTest} from "../support/JobsTest.sol";

contract JobsComplete_GivenSubmittedSteps is JobsTest {
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = _submitted();
    }

    function test_WhenTheEvaluatorCompletesAStep_ItPaysItAsIncomeOfItsTenure() public {
        vm.prank(governance);
        revenue.setFee(500, treasury);
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

    function test_WhenTheEvaluatorCompletesAStepInPart_ItTellsBothShares() public {
        vm.expectEmit(address(jobs));
        emit IJobs.JobCompleted(id, 1, evaluator, REASON);
        vm.expectEmit(address(jobs));
        emit IJobs.Refunded(id, 1, client.addr, 150);
        vm.expectEmit(address(jobs));
        emit IJobs.PaymentReleased(id, 1, asset, 1, 250);
        vm.prank(evaluator);
        jobs.completeInPart(id, 1, DELIVERABLE, 250, REASON);
    }

    function test_WhenThePartIsNothingOrMoreThanAll_ItRefuses() public {
        uint96[3] memory bad = [uint96(0), 401, type(uint96).max];
        for (uint256 i; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IJobs.BadShare.selector, id, 1, bad[i], 400));
            vm.prank(evaluator);
            jobs.completeInPart(id, 1, DELIVERABLE, bad[i], REASON);
        }
    }

    function testFuzz_I4_WhenTheCallerIsNotTheEvaluator_ItRefuses(address caller) public {
        vm.assume(caller != evaluator);
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

    function test_I4_WhenAnotherPartyOfTheJobCompletes_ItRefuses() public {
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

    function test_WhenTheEvaluatorSawAnotherDigest_ItRefuses() public {
        bytes memory other = abi.encodeWithSelector(IJobs.OtherDeliverable.selector, id, 1, DELIVERABLE);
        vm.startPrank(evaluator);
        vm.expectRevert(other);
        jobs.complete(id, 1, keccak256("another result"), REASON);
        vm.expectRevert(other);
        jobs.completeInPart(id, 1, 0, 1, REASON);
    }
}

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

contract JobsComplete_GivenAnyEvaluatorAndAmount is JobsTest {
    function test_WhenTheEvaluatorIsAContract_ItDecidesByTheDigest() public {
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

    function test_WhenTheEvaluatorIsTheClient_ItPaysTheProvider() public {
        evaluator = client.addr;
        bytes32 id = _submitted();
        vm.prank(client.addr);
        jobs.complete(id, 1, DELIVERABLE, REASON);
        assertEq(revenue.balances(owner), 400);
    }

    function testFuzz_WhenAnyPartIsPaid_ItDividesToTheLastUnit(uint96 amount, uint96 part) public {
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
}
