// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAssets} from "../../src/interfaces/IAssets.sol";
import {AssetsTest} from "../support/AssetsTest.sol";

contract AssetsTransfer_GivenAnAsset is AssetsTest {
    function test_WhenItsOwnerTransfersIt_ItEndsTheTenure() public {
        vm.startPrank(owner);
        assets.publish(asset, LISTING, 7);
        vm.warp(block.timestamp + 500);
        vm.expectEmit(address(assets));
        emit IAssets.TenureEnded(asset, 1, owner);
        assets.transferFrom(owner, alice, asset);
        IAssets.Head memory head = assets.head(asset);
        assertEq(head.tenure, 2);
        assertEq(head.operator, address(0));
        assertEq(head.listing, bytes32(0));
        assertEq(head.listingVersion, 0);
        assertEq(head.listedAtSec, 0);
        assertEq(assets.ownerAt(asset, 1), owner);
        assertEq(assets.ownerAt(asset, 2), alice);
        assertEq(assets.ownerAt(asset, 3), address(0));
        IAssets.Span memory span = assets.span(asset, operator.addr);
        assertTrue(span.bySale);
        assertEq(span.untilSec, block.timestamp);
        assertTrue(assets.isOperator(asset, 1, operator.addr));
        assertFalse(assets.isOperator(asset, 2, operator.addr));
        assertTrue(assets.actsFor(asset, 1, owner));
        assertFalse(assets.actsFor(asset, 2, owner));
        assertFalse(assets.actsFor(asset, 2, alice));
    }

    function test_WhenAnApprovedMarketTransfersIt_ItEndsTheTenureToo() public {
        vm.prank(owner);
        assets.approve(bob, asset);
        vm.prank(bob);
        assets.safeTransferFrom(owner, alice, asset);
        assertEq(assets.tenureOf(asset), 2);
        assertEq(assets.ownerAt(asset, 1), owner);
    }

    function testFuzz_WhenItIsTransferredAgainAndAgain_ItRemembersTheOwnerOfEveryTenure(uint8 transfers) public {
        address holder = owner;
        for (uint32 tenure = 1; tenure <= transfers % 12; ++tenure) {
            address next = address(uint160(0x1000 + tenure));
            vm.prank(holder);
            assets.transferFrom(holder, next, asset);
            assertEq(assets.ownerAt(asset, tenure), holder);
            assertEq(assets.ownerAt(asset, tenure + 1), next);
            assertEq(assets.ownerAt(asset, 1), owner);
            holder = next;
        }
    }
}
