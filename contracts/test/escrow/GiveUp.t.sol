// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {ClaimedChannelTest} from "../support/ClaimedChannelTest.sol";

contract EscrowGiveUp_GivenAnOpenChannel is ClaimedChannelTest {
    function test_WhenTheOperatorGivesItUp_ItReturnsTheRestToThePayer() public {
        vm.expectEmit(address(escrow));
        emit IEscrow.Closed(id, payer, 0, 700);
        vm.prank(operator.addr);
        escrow.giveUp(t);
        _assertChannel(id, 1000, 300, IEscrow.Status.Closed);
        assertEq(escrow.balances(payer), 1_000_000 - 300);
        assertEq(_income(asset, 1), 300);
    }

    function test_WhenTheCallerIsNotTheOperator_ItRefuses() public {
        address[4] memory others = [stranger, owner, payer, signer.addr];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IEscrow.NotOperator.selector, id, others[i]));
            vm.prank(others[i]);
            escrow.giveUp(t);
        }
    }

    function test_WhenTheAssetIsSold_ItIsForTheSellerToGiveUpAndNotForTheBuyer() public {
        vm.prank(owner);
        assets.transferFrom(owner, stranger, asset);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotOperator.selector, id, stranger));
        vm.prank(stranger);
        escrow.giveUp(t);
        vm.prank(owner);
        escrow.giveUp(t);
        assertEq(escrow.balances(payer), 1_000_000 - 300);
    }
}
