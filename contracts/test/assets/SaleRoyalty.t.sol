// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAssets} from "../../src/interfaces/IAssets.sol";
import {LineageTest} from "../support/LineageTest.sol";

contract AssetsSaleRoyalty_GivenAnAssetAndItsMaker is LineageTest {
    function test_WhenTheAssetWasSoldTwice_ItStillPaysTheMaker() public {
        vm.prank(owner);
        assets.setSaleRoyalty(asset, 1_000);
        vm.prank(owner);
        assets.transferFrom(owner, stranger, asset);
        vm.prank(stranger);
        assets.transferFrom(stranger, model, asset);
        (address maker, uint256 amount) = assets.royaltyInfo(asset, 999);
        assertEq(maker, owner);
        assertEq(amount, 99);
        assertTrue(assets.supportsInterface(0x2a55205a));
        assertTrue(assets.supportsInterface(0x80ac58cd));
    }

    function test_WhenTheRoyaltyIsSet_ItIsForTheMakerToSetBeforeTheFirstSaleAndBounded() public {
        vm.expectRevert(abi.encodeWithSelector(IAssets.NotMaker.selector, asset, stranger));
        vm.prank(stranger);
        assets.setSaleRoyalty(asset, 1);
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(IAssets.RoyaltyTooHigh.selector, asset, 1_001, 1_000));
        assets.setSaleRoyalty(asset, 1_001);
        assets.transferFrom(owner, stranger, asset);
        vm.stopPrank();
        address[2] memory callers = [owner, stranger];
        for (uint256 i; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IAssets.NotMaker.selector, asset, callers[i]));
            vm.prank(callers[i]);
            assets.setSaleRoyalty(asset, 1);
        }
    }

    function test_WhenThereIsNoAssetOrNoRoyalty_ItIsNothing() public view {
        (address maker, uint256 amount) = assets.royaltyInfo(type(uint256).max, 100);
        assertEq(maker, address(0));
        assertEq(amount, 0);
        (maker, amount) = assets.royaltyInfo(asset, type(uint256).max);
        assertEq(amount, 0);
    }
}
