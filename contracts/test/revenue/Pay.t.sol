// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Portion} from "../../src/Portion.sol";
import {IRevenue} from "../../src/interfaces/IRevenue.sol";
import {ClaimedChannelTest} from "../support/ClaimedChannelTest.sol";

/// Income that nobody released waits all the while, and is not touched.
contract RevenuePay_GivenSomebodyWhoAllowedTheEscrowHisTokens is ClaimedChannelTest {
    function setUp() public override {
        super.setUp();
        token.mint(stranger, 100);
        vm.prank(stranger);
        token.approve(address(escrow), 100);
    }

    function test_WhenHePaysATenure_ItTakesHisTokensIntoTheEscrow() public {
        vm.startPrank(stranger);
        uint256 before = token.balanceOf(address(escrow));
        vm.expectEmit(address(revenue));
        emit IRevenue.Paid(asset, 1, stranger, 100);
        vm.expectEmit(address(revenue));
        emit IRevenue.Released(asset, 1, owner, 100, 100, 0, new Portion[](0));
        assertEq(revenue.pay(asset, 1, 100), 100);
        vm.stopPrank();
        assertEq(token.balanceOf(address(escrow)), before + 100);
        assertEq(token.balanceOf(stranger), 0);
        vm.prank(owner);
        revenue.withdraw(100, owner);
        assertEq(token.balanceOf(address(escrow)), before);
    }

    function test_WhenTheTenureNeverWas_ItRefuses() public {
        vm.startPrank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IRevenue.UnknownTenure.selector, asset, 2));
        revenue.pay(asset, 2, 100);
        assertEq(token.balanceOf(stranger), 100);
    }
}
