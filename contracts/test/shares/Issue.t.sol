// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Shares} from "../../src/Shares.sol";
import {IShares} from "../../src/interfaces/IShares.sol";
import {SharesTest} from "../support/SharesTest.sol";

contract SharesIssue_GivenAnAssetForShares is SharesTest {
    function test_WhenTheAssetArrives_ItGivesAllSharesToWhoBroughtIt() public view {
        assertEq(shares.balanceOf(owner), SUPPLY);
        assertEq(shares.totalSupply(), SUPPLY);
        assertEq(assets.ownerOf(asset), address(shares));
    }

    function test_WhenTheAssetWasNotTransferredSafely_ItIssuesOnRequestAndOnce() public {
        uint64 other = _mint(ann, address(0));
        Shares made = new Shares("O", "O", SUPPLY, other, assets, revenue, address(this));
        vm.expectRevert(IShares.NotIssued.selector);
        made.issue();
        vm.prank(ann);
        assets.transferFrom(ann, address(made), other);
        vm.prank(stranger);
        made.issue();
        assertEq(made.balanceOf(ann), SUPPLY);
        vm.expectRevert(IShares.AlreadyIssued.selector);
        made.issue();
    }

    function test_WhenAnotherAssetArrivesOrTheSupplyIsNothing_ItRefuses() public {
        uint64 other = _mint(ann, address(0));
        vm.expectRevert(abi.encodeWithSelector(IShares.NotTheAsset.selector, address(assets), other));
        vm.prank(ann);
        assets.safeTransferFrom(ann, address(shares), other);
        vm.expectRevert(abi.encodeWithSelector(IShares.NotTheAsset.selector, ann, asset));
        vm.prank(ann);
        shares.onERC721Received(ann, ann, asset, "");
        vm.expectRevert(abi.encodeWithSelector(IShares.BadSupply.selector, 0));
        new Shares("O", "O", 0, other, assets, revenue, address(this));
    }

    function test_WhenIncomeIsCollectedBeforeThereAreShares_ItRefuses() public {
        Shares made = new Shares("O", "O", SUPPLY, _mint(ann, address(0)), assets, revenue, address(this));
        vm.expectRevert(IShares.NotIssued.selector);
        made.collect();
    }
}
