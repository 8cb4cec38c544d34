// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {ClaimedChannelTest} from "../support/ClaimedChannelTest.sol";

contract EscrowRevenue_GivenIncome is ClaimedChannelTest {
    function testFuzz_I4_WhenAnybodyButRevenueCollects_ItRefuses(address caller) public {
        vm.assume(caller != address(revenue));
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotRevenue.selector, caller));
        vm.prank(caller);
        escrow.collect(asset, 1);
    }

    /// Also who owns the asset, and who allowed the escrow to take his tokens.
    function testFuzz_I4_WhenAnybodyButRevenueTakesOrPaysOut_ItRefuses(address caller, uint256 amount) public {
        vm.assume(caller != address(revenue));
        address[3] memory callers = [caller, owner, payer];
        for (uint256 i; i < callers.length; ++i) {
            bytes memory notRevenue = abi.encodeWithSelector(IEscrow.NotRevenue.selector, callers[i]);
            vm.expectRevert(notRevenue);
            vm.prank(callers[i]);
            escrow.payOut(callers[i], amount);
            vm.expectRevert(notRevenue);
            vm.prank(callers[i]);
            escrow.take(payer, amount);
        }
    }
}
