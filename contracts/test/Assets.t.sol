// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAssets} from "../src/interfaces/IAssets.sol";
import {WeftTest} from "./support/WeftTest.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

/// Given an asset with an owner and an operator.
contract AssetsTest is WeftTest {
    bytes32 internal constant LISTING = keccak256("listing");
    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");

    function _parents(uint48[] memory ids, uint16 bps) internal pure returns (IAssets.Parent[] memory list) {
        list = new IAssets.Parent[](ids.length);
        for (uint256 i; i < ids.length; ++i) {
            list[i] = IAssets.Parent(ids[i], bps);
        }
    }

    function test_mint_givesTheCallerTheNextIdInTenureOne() public {
        uint64 next = assets.count() + 1;
        vm.expectEmit(address(assets));
        emit IAssets.Minted(next, alice, new IAssets.Parent[](0));
        vm.expectEmit(address(assets));
        emit IAssets.OperatorSet(next, 1, bob);
        vm.expectEmit(address(assets));
        emit IAssets.Listed(next, 1, 1, LISTING);
        vm.prank(alice);
        assertEq(assets.mint(bob, new IAssets.Parent[](0), LISTING), next);
        assertEq(assets.ownerOf(next), alice);
        assertEq(assets.ownerAt(next, 1), alice);
        assertEq(assets.count(), next);
        IAssets.Head memory head = assets.head(next);
        assertEq(head.operator, bob);
        assertEq(head.tenure, 1);
        assertEq(head.listedAtSec, block.timestamp);
        assertEq(head.listingVersion, 1);
        assertEq(head.listing, LISTING);
        IAssets.Span memory span = assets.span(next, bob);
        assertEq(span.tenure, 1);
        assertEq(span.fromSec, block.timestamp);
        assertEq(span.untilSec, 0);
    }

    function test_mint_withoutOperatorAndListingLeavesBothEmpty() public {
        vm.prank(alice);
        uint64 made = assets.mint(address(0), new IAssets.Parent[](0), bytes32(0));
        IAssets.Head memory head = assets.head(made);
        assertEq(head.operator, address(0));
        assertEq(head.listing, bytes32(0));
        assertEq(head.listingVersion, 0);
        assertFalse(assets.isOperator(made, 1, address(0)));
        assertFalse(assets.actsFor(made, 1, address(0)));
    }

    function testFuzz_parents_areKeptAsGiven(uint256 seed, uint8 count) public {
        count = uint8(bound(count, 0, 16));
        for (uint256 i; i < 40; ++i) {
            _mint(owner, address(0));
        }
        uint48[] memory ids = new uint48[](count);
        IAssets.Parent[] memory given = new IAssets.Parent[](count);
        uint48 id;
        for (uint256 i; i < count; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            id += uint48(1 + seed % 2);
            ids[i] = id;
            given[i] = IAssets.Parent(id, uint16(1 + (seed >> 8) % 625));
        }
        vm.prank(alice);
        uint64 made = assets.mint(bob, given, bytes32(0));
        assertEq(keccak256(abi.encode(assets.parents(made))), keccak256(abi.encode(given)));
    }

    function test_parents_mayTakeAllOfTheIncomeAndNoMore() public {
        uint64 first = _mint(owner, address(0));
        uint48[] memory ids = new uint48[](2);
        (ids[0], ids[1]) = (uint48(asset), uint48(first));
        assets.mint(bob, _parents(ids, 5000), bytes32(0));
        vm.expectRevert(abi.encodeWithSelector(IAssets.SharesTooHigh.selector, 10_002));
        assets.mint(bob, _parents(ids, 5001), bytes32(0));
        vm.expectRevert(abi.encodeWithSelector(IAssets.ZeroShare.selector, asset));
        assets.mint(bob, _parents(ids, 0), bytes32(0));
        vm.expectRevert(abi.encodeWithSelector(IAssets.SharesTooHigh.selector, 2 * uint256(type(uint16).max)));
        assets.mint(bob, _parents(ids, type(uint16).max), bytes32(0));
    }

    function test_parents_areOlderThanTheirChildAndNamedOnce() public {
        uint64 next = assets.count() + 1;
        uint48[4] memory bad = [uint48(next), uint48(next + 1), 0, type(uint48).max];
        for (uint256 i; i < bad.length; ++i) {
            uint48[] memory ids = new uint48[](1);
            ids[0] = bad[i];
            vm.expectRevert(abi.encodeWithSelector(IAssets.BadParent.selector, bad[i], next));
            assets.mint(bob, _parents(ids, 10), bytes32(0));
        }
        uint48[] memory twice = new uint48[](2);
        (twice[0], twice[1]) = (uint48(asset), uint48(asset));
        vm.expectRevert(abi.encodeWithSelector(IAssets.BadParent.selector, asset, next));
        assets.mint(bob, _parents(twice, 10), bytes32(0));
        vm.expectRevert(abi.encodeWithSelector(IAssets.TooManyParents.selector, 17, 16));
        assets.mint(bob, _parents(new uint48[](17), 10), bytes32(0));
        assertEq(assets.count(), next - 1);
    }

    function test_publish_putsAListingInForce() public {
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

    function test_delist_takesItOutOfForceAndKeepsItsVersionUsed() public {
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

    function testFuzz_T58_onlyTheOwnerChangesWhatStandsInTheAssetsName(address caller) public {
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

    function test_unknownAssetsAreRefused() public {
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 99));
        assets.publish(99, LISTING, 1);
        assertEq(assets.head(99).tenure, 0);
        assertEq(assets.tenureOf(99), 0);
        assertEq(assets.ownerAt(99, 0), address(0));
        assertEq(assets.ownerAt(99, 1), address(0));
        assertEq(assets.parents(99).length, 0);
        assertFalse(assets.isOperator(99, 0, operator.addr));
        assertFalse(assets.actsFor(99, 0, operator.addr));
    }

    function test_setOperator_endsTheOldSpanAndBeginsANewOne() public {
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

    function test_setOperator_neverNamesARemovedKeyAgain() public {
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

    function test_transfer_endsTheTenure() public {
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

    function testFuzz_ownerAt_remembersEveryTenure(uint8 transfers) public {
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

    function test_transfer_byAnApprovedMarketEndsTheTenureToo() public {
        vm.prank(owner);
        assets.approve(bob, asset);
        vm.prank(bob);
        assets.safeTransferFrom(owner, alice, asset);
        assertEq(assets.tenureOf(asset), 2);
        assertEq(assets.ownerAt(asset, 1), owner);
    }
}
