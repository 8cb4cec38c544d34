// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {WeftTest} from "../support/WeftTest.sol";

contract EscrowWithdraw_GivenABalance is WeftTest {
    function testFuzz_WhenItsOwnerWithdraws_ItPaysOutUpToTheBalance(uint256 amount) public {
        bool fits = amount <= 1_000_000;
        if (!fits) {
            vm.expectRevert(abi.encodeWithSelector(IEscrow.InsufficientBalance.selector, payer, 1_000_000, amount));
        }
        vm.prank(payer);
        escrow.withdraw(amount, stranger);
        assertEq(token.balanceOf(stranger), fits ? amount : 0);
        assertEq(escrow.balances(payer), fits ? 1_000_000 - amount : 1_000_000);
    }

    function test_WhenNothingReturnsFromTheRecipient_ItRefuses() public {
        address[3] memory bad = [address(0), address(escrow), address(revenue)];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IEscrow.BadRecipient.selector, bad[i]));
            vm.prank(payer);
            escrow.withdraw(1, bad[i]);
        }
    }

    function test_WhenTheBalanceIsInChannels_ItRefuses() public {
        _opened(1_000_000);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.InsufficientBalance.selector, payer, 0, 1));
        vm.prank(payer);
        escrow.withdraw(1, payer);
    }

    function test_T15_WhenSomebodyDonated_ItGivesTheDonationToNobodyAndEverybodyHisOwn() public {
        token.mint(address(escrow), 777);
        vm.prank(payer);
        escrow.withdraw(1_000_000, payer);
        vm.prank(stranger);
        escrow.withdraw(1_000_000, stranger);
        assertEq(token.balanceOf(address(escrow)), 777);
    }
}
