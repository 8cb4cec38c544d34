// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRevenue} from "../../src/interfaces/IRevenue.sol";
import {ClaimedChannelTest} from "../support/ClaimedChannelTest.sol";

contract RevenueWithdraw_GivenReleasedIncome is ClaimedChannelTest {
    function setUp() public override {
        super.setUp();
        revenue.release(asset, 1);
    }

    function test_WhenItsOwnerWithdraws_ItPaysOutHisShareOnly() public {
        uint256 held = token.balanceOf(address(escrow));
        vm.expectRevert(abi.encodeWithSelector(IRevenue.InsufficientBalance.selector, stranger, 0, 1));
        vm.prank(stranger);
        revenue.withdraw(1, stranger);
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(IRevenue.InsufficientBalance.selector, owner, 300, 301));
        revenue.withdraw(301, owner);
        vm.expectEmit(address(revenue));
        emit IRevenue.Withdrawn(owner, stranger, 200);
        revenue.withdraw(200, stranger);
        revenue.withdraw(100, owner);
        assertEq(revenue.balances(owner), 0);
        assertEq(token.balanceOf(stranger), 200);
        assertEq(token.balanceOf(owner), 100);
        assertEq(token.balanceOf(address(escrow)), held - 300);
    }

    function test_WhenNothingReturnsFromTheRecipient_ItRefuses() public {
        address[3] memory bad = [address(0), address(escrow), address(revenue)];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IRevenue.BadRecipient.selector, bad[i]));
            vm.prank(owner);
            revenue.withdraw(1, bad[i]);
        }
    }
}
