// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IJobs} from "../../src/interfaces/IJobs.sol";
import {JobsTest} from "../support/JobsTest.sol";

contract JobsSilence_GivenAJobSubmittedInPart is JobsTest {
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = _submittedInPart();
    }

    function test_I5_WhenTheEvaluatorIsSilent_ItPaysTheProviderAfterTheReview() public {
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
}

contract JobsSilence_GivenAFundedJob is JobsTest {
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = _funded();
    }

    function test_I5_WhenAStepIsSubmittedInTheLastSecond_ItLeavesTheEvaluatorHisReview() public {
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

    function test_WhenTheProvidersAreSilent_ItRefundsFromTheSecondOfExpiryAndOnce() public {
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
}
