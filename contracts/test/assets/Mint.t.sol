// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAssets} from "../../src/interfaces/IAssets.sol";
import {AssetsTest} from "../support/AssetsTest.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

contract AssetsMint_GivenOtherAssets is AssetsTest {
    function _parents(uint48[] memory ids, uint16 bps) internal pure returns (IAssets.Parent[] memory list) {
        list = new IAssets.Parent[](ids.length);
        for (uint256 i; i < ids.length; ++i) {
            list[i] = IAssets.Parent(ids[i], bps);
        }
    }

    function test_WhenSomebodyMints_ItGivesHimTheNextIdInTenureOne() public {
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

    function test_WhenOperatorAndListingAreLeftOut_ItLeavesBothEmpty() public {
        vm.prank(alice);
        uint64 made = assets.mint(address(0), new IAssets.Parent[](0), bytes32(0));
        IAssets.Head memory head = assets.head(made);
        assertEq(head.operator, address(0));
        assertEq(head.listing, bytes32(0));
        assertEq(head.listingVersion, 0);
        assertFalse(assets.isOperator(made, 1, address(0)));
        assertFalse(assets.actsFor(made, 1, address(0)));
    }

    function testFuzz_WhenParentsAreNamed_ItKeepsThemAsGiven(uint256 seed, uint8 count) public {
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

    function test_WhenTheParentsTakeAllOfTheIncome_ItLetsThemTakeNoMore() public {
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

    function test_WhenAParentIsNotOlderOrIsNamedTwice_ItRefuses() public {
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

    function test_WhenAnAssetWasNeverMinted_ItKnowsNothingOfIt() public {
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
}
