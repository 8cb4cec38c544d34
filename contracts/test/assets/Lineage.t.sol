// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Portion, portion} from "../../src/Portion.sol";
import {IAssets} from "../../src/interfaces/IAssets.sol";
import {LineageTest} from "../support/LineageTest.sol";

contract AssetsLineage_GivenAnAssetToBuildOn is LineageTest {
    function test_WhenAChildIsMinted_ItGivesItsParentAtLeastWhatTheTermsDemand() public {
        vm.prank(owner);
        vm.expectEmit(address(assets));
        emit IAssets.RoyaltySet(asset, 1_000);
        assets.setRoyalty(asset, 1_000);
        IAssets.Parent[] memory list = _parents(asset, 999);
        vm.expectRevert(abi.encodeWithSelector(IAssets.RoyaltyTooLow.selector, asset, 999, 1_000));
        vm.prank(model);
        assets.mint(address(0), list, bytes32(0));
        assertEq(assets.parents(_child(model, _parents(asset, 1_000)))[0].bps, 1_000);
        assertEq(assets.parents(_child(model, _parents(asset, 1_500)))[0].bps, 1_500);
    }

    function test_WhenTheRoyaltyIsRaised_ItChangesNothingForChildrenThatAreThere() public {
        uint64 child = _child(model, _parents(asset, 500));
        vm.prank(owner);
        assets.setRoyalty(asset, 9_000);
        assertEq(assets.parents(child)[0].bps, 500);
        _earn(child, 100);
        revenue.release(child, 1);
        assertEq(_waiting(asset, 1), 5);
    }

    function test_WhenTheRoyaltyIsSet_ItIsForTheOwnerToSetAndAtMostAll() public {
        vm.expectRevert(abi.encodeWithSelector(IAssets.NotOwner.selector, asset, stranger));
        vm.prank(stranger);
        assets.setRoyalty(asset, 1);
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(IAssets.RoyaltyTooHigh.selector, asset, 10_001, 10_000));
        assets.setRoyalty(asset, 10_001);
        assets.setRoyalty(asset, 10_000);
        assertEq(assets.terms(asset).royaltyBps, 10_000);
    }

    function test_WhenAChildNamesItselfOrALaterAssetOrGivesMoreThanAll_ItRefuses() public {
        uint48 next = uint48(assets.count() + 1);
        vm.expectRevert(abi.encodeWithSelector(IAssets.BadParent.selector, next, next));
        assets.mint(address(0), _parents(next, 1), bytes32(0));
        vm.expectRevert(abi.encodeWithSelector(IAssets.BadParent.selector, next + 1, next));
        assets.mint(address(0), _parents(next + 1, 1), bytes32(0));
        uint64 other = _mint(data, address(0));
        vm.expectRevert(abi.encodeWithSelector(IAssets.SharesTooHigh.selector, 10_001));
        assets.mint(address(0), _parents(asset, 5_000, other, 5_001), bytes32(0));
    }

    function test_WhenALineageWouldBeTooDeep_ItRefuses() public {
        uint64 last = asset;
        for (uint256 i; i < 32; ++i) {
            last = _child(model, _parents(last, 1));
        }
        assertEq(assets.terms(last).depth, 32);
        vm.expectRevert(abi.encodeWithSelector(IAssets.LineageTooDeep.selector, last, 32));
        assets.mint(address(0), _parents(last, 1), bytes32(0));
        // What counts is the deepest parent.
        uint64 sibling = _child(model, _parents(asset, 1, last - 1, 1));
        assertEq(assets.terms(sibling).depth, 32);
        uint64 root = _mint(model, address(0));
        assertEq(assets.terms(_child(model, _parents(last - 1, 1, root, 1))).depth, 32);
    }

    /// Up to sixteen parents, whose last slot is full or not, some of which were sold.
    function testFuzz_WhenALineageIsRead_ItNamesEveryParentInItsTenure(uint256 count, uint256 sold) public {
        count = bound(count, 0, 16);
        IAssets.Parent[] memory list = new IAssets.Parent[](count);
        for (uint256 i; i < count; ++i) {
            list[i] = IAssets.Parent(uint48(_mint(data, address(0))), uint16(i == 0 ? 1 : 625 - i));
            if ((sold >> i) % 2 == 0) continue;
            vm.prank(data);
            assets.transferFrom(data, model, list[i].asset);
        }
        uint64 child = _child(owner, list);
        (address of1, Portion[] memory found) = assets.lineage(child, 1);
        assertEq(of1, owner);
        assertEq(found.length, count);
        for (uint256 i; i < count; ++i) {
            uint256 tenure = (sold >> i) % 2 == 0 ? 1 : 2;
            assertEq(Portion.unwrap(found[i]), Portion.unwrap(portion(list[i].asset, tenure, list[i].bps)));
        }
        assertEq(keccak256(abi.encode(assets.parents(child))), keccak256(abi.encode(list)));
        (of1,) = assets.lineage(child, 2);
        assertEq(of1, address(0));
    }
}
