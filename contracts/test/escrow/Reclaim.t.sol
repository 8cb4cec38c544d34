// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {ClaimedChannelTest} from "../support/ClaimedChannelTest.sol";

contract EscrowReclaim_GivenAnOpenChannel is ClaimedChannelTest {
    function testFuzz_T6_WhenItIsReclaimedBeforeTheRelease_ItSkips(uint40 time) public {
        uint40 release = escrow.channel(id).expiresAtSec + WINDOW;
        time = uint40(bound(time, block.timestamp, release + 30 days));
        vm.warp(time);
        vm.expectEmit(address(escrow));
        if (time < release) emit IEscrow.Skipped(id, IEscrow.SkipReason.NotReleased);
        else emit IEscrow.Closed(id, payer, 0, 700);
        escrow.reclaim(_one(t));
        assertEq(escrow.balances(payer), 1_000_000 - (time < release ? 1000 : 300));
    }

    function test_I5_WhenAnybodyReclaimsIt_ItPaysThePayer() public {
        vm.warp(block.timestamp + SPAN + WINDOW);
        vm.prank(stranger);
        escrow.reclaim(_one(t));
        assertEq(escrow.balances(payer), 1_000_000 - 300);
        assertEq(escrow.balances(stranger), 1_000_000);
    }

    function test_I5_WhenTheAssetHasNoOperatorAndAnotherOwner_ItStillPaysThePayer() public {
        vm.startPrank(owner);
        assets.setOperator(asset, address(0));
        assets.transferFrom(owner, stranger, asset);
        vm.stopPrank();
        vm.warp(block.timestamp + SPAN + WINDOW);
        escrow.reclaim(_one(t));
        assertEq(escrow.balances(payer), 1_000_000 - 300);
    }

    function test_T17_WhenABatchHasBadEntries_ItSkipsThemAndReturnsTheOthers() public {
        IEscrow.Terms[] memory list = new IEscrow.Terms[](100);
        for (uint64 i; i < 100; ++i) {
            list[i] = _terms(100 + i);
            if (i % 2 == 0) _open(list[i], 10); // the others were never opened
        }
        list[99] = list[0]; // twice in one batch
        vm.warp(block.timestamp + SPAN + WINDOW);
        escrow.reclaim(list);
        assertEq(escrow.balances(payer), 1_000_000 - 1000);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.BatchTooLarge.selector, 101, 100));
        escrow.reclaim(new IEscrow.Terms[](101));
    }

    function test_I6_WhenTheOperatorClaimedAllThatWasSigned_ItCostsThePayerNoMore() public {
        // The operator claims the highest voucher whole, though he earned less.
        _claim(t, 620);
        vm.warp(block.timestamp + SPAN + WINDOW);
        escrow.reclaim(_one(t));
        assertEq(escrow.balances(payer), 1_000_000 - 620);
    }
}
