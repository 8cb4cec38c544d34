// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAssets} from "../../src/interfaces/IAssets.sol";
import {AssetsTest} from "../support/AssetsTest.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

contract AssetsListing_GivenAnAsset is AssetsTest {
    function test_WhenItsOwnerPublishes_ItPutsTheListingInForceAndTakesHigherVersionsOnly() public {
        vm.startPrank(owner);
        vm.expectEmit(address(assets));
        emit IAssets.Listed(asset, 1, 3, LISTING);
        assets.publish(asset, LISTING, 3);
        assertEq(assets.head(asset).listing, LISTING);
        assertEq(assets.head(asset).operator, operator.addr);
        for (uint24 version; version < 4; ++version) {
            vm.expectRevert(abi.encodeWithSelector(IAssets.VersionNotHigher.selector, asset, version, 3));
            assets.publish(asset, keccak256("another"), version);
        }
        vm.expectRevert(abi.encodeWithSelector(IAssets.ZeroListing.selector, asset));
        assets.publish(asset, bytes32(0), 4);
    }

    function test_WhenItsOwnerDelists_ItTakesTheListingOutOfForceAndKeepsItsVersionUsed() public {
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(IAssets.NotListed.selector, asset));
        assets.delist(asset);
        assets.publish(asset, LISTING, 2);
        vm.expectEmit(address(assets));
        emit IAssets.Listed(asset, 1, 2, bytes32(0));
        assets.delist(asset);
        assertEq(assets.head(asset).listing, bytes32(0));
        assertEq(assets.head(asset).listedAtSec, 0);
        vm.expectRevert(abi.encodeWithSelector(IAssets.VersionNotHigher.selector, asset, 2, 2));
        assets.publish(asset, LISTING, 2);
        assets.publish(asset, LISTING, 3);
    }

    function testFuzz_T58_WhenTheCallerIsNotItsOwner_ItChangesNothingThatStandsInItsName(address caller) public {
        vm.assume(caller != owner && caller != address(0)); // no transaction comes from zero
        vm.startPrank(caller);
        vm.expectRevert(abi.encodeWithSelector(IAssets.NotOwner.selector, asset, caller));
        assets.publish(asset, LISTING, 1);
        vm.expectRevert(abi.encodeWithSelector(IAssets.NotOwner.selector, asset, caller));
        assets.delist(asset);
        vm.expectRevert(abi.encodeWithSelector(IAssets.NotOwner.selector, asset, caller));
        assets.setOperator(asset, caller);
        vm.expectRevert(
            abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, caller, uint256(asset))
        );
        assets.transferFrom(owner, address(0xB0B), asset);
    }
}
