// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IJobs} from "../../src/interfaces/IJobs.sol";
import {JobsTest} from "../support/JobsTest.sol";

contract JobsReject_GivenAJobSubmittedInPart is JobsTest {
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = _submittedInPart();
    }

    function test_WhenTheEvaluatorRejects_ItGivesTheClientHisMoneyBackBeforeAndAfterSubmission() public {
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

    function test_WhenAProviderDeclines_ItLetsHimDeclineHisStepOnly() public {
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
}
