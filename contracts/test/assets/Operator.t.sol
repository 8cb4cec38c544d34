// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAssets} from "../../src/interfaces/IAssets.sol";
import {AssetsTest} from "../support/AssetsTest.sol";

contract AssetsOperator_GivenAnAssetWithAnOperator is AssetsTest {
    function test_WhenAnotherIsNamed_ItEndsTheOldSpanAndBeginsANewOne() public {
        vm.warp(block.timestamp + 500);
        vm.expectEmit(address(assets));
        emit IAssets.OperatorSet(asset, 1, bob);
        vm.prank(owner);
        assets.setOperator(asset, bob);
        IAssets.Span memory old = assets.span(asset, operator.addr);
        assertEq(old.untilSec, block.timestamp);
        assertEq(old.fromSec, block.timestamp - 500);
        assertFalse(old.bySale);
        assertFalse(assets.isOperator(asset, 1, operator.addr));
        assertTrue(assets.isOperator(asset, 1, bob));
        assertEq(assets.head(asset).operator, bob);
    }

    function test_WhenARemovedKeyIsNamedAgain_ItRefuses() public {
        vm.startPrank(owner);
        assets.setOperator(asset, bob);
        vm.expectRevert(abi.encodeWithSelector(IAssets.OperatorUsedBefore.selector, asset, operator.addr));
        assets.setOperator(asset, operator.addr);
        vm.expectRevert(abi.encodeWithSelector(IAssets.SameOperator.selector, asset, bob));
        assets.setOperator(asset, bob);
        assets.setOperator(asset, address(0));
        vm.expectRevert(abi.encodeWithSelector(IAssets.OperatorUsedBefore.selector, asset, bob));
        assets.setOperator(asset, bob);
        vm.expectRevert(abi.encodeWithSelector(IAssets.SameOperator.selector, asset, address(0)));
        assets.setOperator(asset, address(0));
        // Not even by a later owner.
        assets.transferFrom(owner, alice, asset);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IAssets.OperatorUsedBefore.selector, asset, operator.addr));
        assets.setOperator(asset, operator.addr);
    }
}
