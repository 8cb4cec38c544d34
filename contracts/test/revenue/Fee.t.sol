// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {IRevenue} from "../../src/interfaces/IRevenue.sol";
import {LineageTest} from "../support/LineageTest.sol";

contract RevenueFee_GivenGovernance is LineageTest {
    function test_WhenTheFeeIsSet_ItIsForGovernanceToSetAndBounded() public {
        vm.expectRevert(abi.encodeWithSelector(IRevenue.NotGovernance.selector, owner));
        vm.prank(owner);
        revenue.setFee(1, treasury);
        vm.startPrank(governance);
        vm.expectRevert(abi.encodeWithSelector(IRevenue.FeeTooHigh.selector, 501, 500));
        revenue.setFee(501, treasury);
        address[3] memory bad = [address(0), address(escrow), address(revenue)];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IRevenue.BadRecipient.selector, bad[i]));
            revenue.setFee(1, bad[i]);
        }
        vm.expectEmit(address(revenue));
        emit IRevenue.FeeSet(500, treasury);
        revenue.setFee(500, treasury);
        (uint16 bps, address to) = revenue.fee();
        assertEq(bps, 500);
        assertEq(to, treasury);
        revenue.setFee(0, address(0));
    }

    function test_WhenIncomeClimbsALineage_ItTakesTheFeeOnceOfWhatCallsEarned() public {
        uint64 child = _child(model, _parents(asset, 5_000));
        vm.prank(governance);
        revenue.setFee(500, treasury);
        _earn(child, 1_000);
        vm.expectEmit(address(revenue));
        emit IRevenue.FeeTaken(child, 1, treasury, 50);
        revenue.release(child, 1);
        revenue.release(asset, 1);
        assertEq(revenue.balances(treasury), 50);
        assertEq(revenue.balances(model), 475);
        assertEq(revenue.balances(owner), 475);
        vm.prank(treasury);
        revenue.withdraw(50, treasury);
        assertEq(token.balanceOf(treasury), 50);
    }

    function test_T20_WhenGovernanceReachesForMoney_ItRefuses() public {
        _earn(asset, 100);
        vm.startPrank(governance);
        vm.expectRevert(abi.encodeWithSelector(IRevenue.InsufficientBalance.selector, governance, 0, 1));
        revenue.withdraw(1, governance);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotRevenue.selector, governance));
        escrow.collect(asset, 1);
    }
}
