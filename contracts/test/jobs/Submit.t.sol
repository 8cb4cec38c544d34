// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IJobs} from "../../src/interfaces/IJobs.sol";
import {JobsTest} from "../support/JobsTest.sol";

contract JobsSubmit_GivenAFundedJob is JobsTest {
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = _funded();
    }

    function test_WhenTheProviderSubmits_ItWritesDownTheDigestOnce() public {
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

    function testFuzz_I4_WhenTheCallerIsNotTheProviderOfThatStep_ItRefuses(address caller) public {
        vm.assume(caller != operator.addr);
        vm.expectRevert(abi.encodeWithSelector(IJobs.NotProvider.selector, id, 1, caller));
        _submit(caller, id, 1);
    }

    function test_WhenAnotherPartyOfTheJobSubmitsOrTheDigestIsZero_ItRefuses() public {
        address[5] memory others = [owner, client.addr, evaluator, modelKey, model];
        for (uint256 i; i < 5; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IJobs.NotProvider.selector, id, 1, others[i]));
            _submit(others[i], id, 1);
        }
        vm.expectRevert(abi.encodeWithSelector(IJobs.ZeroDeliverable.selector, id, 1));
        vm.prank(operator.addr);
        jobs.submit(id, 1, 0);
    }

    function test_WhenItsExpiryHasCome_ItRefuses() public {
        uint40 end = _expiry();
        vm.warp(end);
        vm.expectRevert(abi.encodeWithSelector(IJobs.JobOver.selector, id, end));
        _submit(operator.addr, id, 1);
        vm.warp(end - 1);
        _submit(operator.addr, id, 1);
    }

    function test_WhenTheAssetIsSold_ItStaysWithTheTenureThatItNames() public {
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

    function test_WhenTheOperatorWasRemoved_ItRefuses() public {
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
}
