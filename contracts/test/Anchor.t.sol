// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Anchor} from "../src/Anchor.sol";
import {IAnchor} from "../src/interfaces/IAnchor.sol";
import {WeftTest} from "./support/WeftTest.sol";

/// A Merkle tree as `libs` builds it: leaves hashed twice, pairs in ascending order, an odd node climbs unchanged.
library Tree {
    function leaf(bytes32 digest, uint96 amount) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(digest, amount))));
    }

    function pair(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        return a < b ? keccak256(abi.encodePacked(a, b)) : keccak256(abi.encodePacked(b, a));
    }

    /// The root, and the siblings on the way to it from a leaf.
    function prove(bytes32[] memory level, uint256 index) internal pure returns (bytes32 root, bytes32[] memory proof) {
        while (level.length > 1) {
            uint256 sibling = index ^ 1;
            if (sibling < level.length) proof = append(proof, level[sibling]);
            level = up(level);
            index /= 2;
        }
        root = level[0];
    }

    function up(bytes32[] memory level) internal pure returns (bytes32[] memory next) {
        next = new bytes32[]((level.length + 1) / 2);
        for (uint256 i; i < next.length; ++i) {
            next[i] = 2 * i + 1 < level.length ? pair(level[2 * i], level[2 * i + 1]) : level[2 * i];
        }
    }

    function append(bytes32[] memory list, bytes32 item) internal pure returns (bytes32[] memory longer) {
        longer = new bytes32[](list.length + 1);
        for (uint256 i; i < list.length; ++i) {
            longer[i] = list[i];
        }
        longer[list.length] = item;
    }
}

/// Given an asset whose operator anchors the receipts of an epoch.
contract AnchorTest is WeftTest {
    bytes32 internal constant ROOT = keccak256("root");

    Anchor internal anchor;

    function setUp() public override {
        super.setUp();
        anchor = new Anchor(assets);
    }

    function _digest(uint256 i) internal pure returns (bytes32) {
        return keccak256(abi.encode("receipt", i));
    }

    function _amount(uint256 i) internal pure returns (uint96) {
        return uint96(100 + i);
    }

    function _leaves(uint256 count) internal pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            leaves[i] = Tree.leaf(_digest(i), _amount(i));
        }
    }

    function _anchor(address by, uint32 tenure, uint64 number, bytes32 root) internal {
        vm.prank(by);
        anchor.anchor(asset, tenure, number, root, 3, 300);
    }

    // Anchoring

    function test_anchor_writesEpochsDownInOrder() public {
        for (uint64 n = 1; n <= 3; ++n) {
            vm.warp(block.timestamp + 60);
            bytes32 root = keccak256(abi.encode(n));
            vm.expectEmit(address(anchor));
            emit IAnchor.Anchored(asset, 1, n, root, 3, 300);
            _anchor(operator.addr, 1, n, root);
            IAnchor.Epoch memory e = anchor.epoch(asset, 1, n);
            assertEq(e.root, root);
            assertEq(e.amount, 300);
            assertEq(e.receipts, 3);
            assertEq(e.anchoredAtSec, block.timestamp);
            assertEq(anchor.epochs(asset, 1), n);
        }
    }

    function test_anchor_refusesEveryEpochButTheNext() public {
        _anchor(operator.addr, 1, 1, ROOT);
        uint64[4] memory bad = [uint64(0), 1, 3, type(uint64).max];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IAnchor.WrongEpoch.selector, asset, bad[i], 2));
            _anchor(operator.addr, 1, bad[i], keccak256("another"));
        }
        assertEq(anchor.epoch(asset, 1, 1).root, ROOT);
        assertEq(anchor.epochs(asset, 1), 1);
    }

    function test_anchor_countsTenuresAndAssetsApart() public {
        _anchor(operator.addr, 1, 1, ROOT);
        uint64 other = _mint(stranger, operator.addr);
        vm.prank(operator.addr);
        anchor.anchor(other, 1, 1, ROOT, 1, 1);
        assertEq(anchor.epochs(other, 1), 1);
        assertEq(anchor.epochs(asset, 1), 1);
    }

    function test_anchor_refusesNothing() public {
        vm.startPrank(operator.addr);
        vm.expectRevert(abi.encodeWithSelector(IAnchor.ZeroRoot.selector, asset));
        anchor.anchor(asset, 1, 1, bytes32(0), 1, 1);
        vm.expectRevert(abi.encodeWithSelector(IAnchor.NoReceipts.selector, asset));
        anchor.anchor(asset, 1, 1, ROOT, 0, 1);
        // Free calls have receipts too.
        anchor.anchor(asset, 1, 1, ROOT, 1, 0);
    }

    function testFuzz_I4_anchor_isTheOperatorsOfThatTenure(address caller, uint32 tenure) public {
        vm.assume(caller != operator.addr || tenure != 1);
        vm.expectRevert(abi.encodeWithSelector(IAnchor.NotOperator.selector, asset, tenure, caller));
        _anchor(caller, tenure, 1, ROOT);
    }

    function test_anchor_refusesTheOwnerWhoIsNotTheOperator() public {
        vm.expectRevert(abi.encodeWithSelector(IAnchor.NotOperator.selector, asset, 1, owner));
        _anchor(owner, 1, 1, ROOT);
    }

    function test_anchor_lastsForTheOldOperatorBeyondASale() public {
        _anchor(operator.addr, 1, 1, ROOT);
        vm.prank(owner);
        assets.transferFrom(owner, stranger, asset);
        vm.prank(stranger);
        assets.setOperator(asset, address(0xB0B));
        // The seller may collect, and signs nothing.
        vm.expectRevert(abi.encodeWithSelector(IAnchor.NotOperator.selector, asset, 1, owner));
        _anchor(owner, 1, 2, ROOT);
        // Each anchors for its own tenure, and for no other.
        _anchor(operator.addr, 1, 2, ROOT);
        _anchor(address(0xB0B), 2, 1, ROOT);
        vm.expectRevert(abi.encodeWithSelector(IAnchor.NotOperator.selector, asset, 2, operator.addr));
        _anchor(operator.addr, 2, 2, ROOT);
        vm.expectRevert(abi.encodeWithSelector(IAnchor.NotOperator.selector, asset, 1, address(0xB0B)));
        _anchor(address(0xB0B), 1, 3, ROOT);
    }

    function test_anchor_refusesAnOperatorThatWasRemovedBeforeAndAfterASale() public {
        vm.prank(owner);
        assets.setOperator(asset, address(0xB0B));
        bytes memory refused = abi.encodeWithSelector(IAnchor.NotOperator.selector, asset, 1, operator.addr);
        vm.expectRevert(refused);
        _anchor(operator.addr, 1, 1, ROOT);
        vm.prank(owner);
        assets.transferFrom(owner, stranger, asset);
        vm.expectRevert(refused);
        _anchor(operator.addr, 1, 1, ROOT);
        _anchor(address(0xB0B), 1, 1, ROOT);
    }

    // Proofs

    function test_verify_findsEveryReceiptOfTreesOfOneToNine() public {
        for (uint64 count = 1; count <= 9; ++count) {
            bytes32[] memory leaves = _leaves(count);
            (bytes32 root,) = Tree.prove(leaves, 0);
            vm.prank(operator.addr);
            anchor.anchor(asset, 1, count, root, count, 1);
            for (uint256 i; i < count; ++i) {
                (bytes32 same, bytes32[] memory proof) = Tree.prove(leaves, i);
                assertEq(same, root);
                assertTrue(anchor.verify(asset, 1, count, _digest(i), _amount(i), proof), "a receipt is lost");
                assertFalse(anchor.verify(asset, 1, count, _digest(i), _amount(i) + 1, proof), "wrong amount");
                assertFalse(anchor.verify(asset, 1, count, _digest(count), _amount(i), proof), "wrong receipt");
                assertFalse(anchor.verify(asset, 1, count + 1, _digest(i), _amount(i), proof), "an epoch to come");
                assertFalse(anchor.verify(asset, 2, count, _digest(i), _amount(i), proof), "wrong tenure");
                assertFalse(anchor.verify(asset + 1, 1, count, _digest(i), _amount(i), proof), "wrong asset");
                if (count > 1) {
                    assertFalse(anchor.verify(asset, 1, count - 1, _digest(i), _amount(i), proof), "wrong epoch");
                    assertFalse(
                        anchor.verify(asset, 1, count, _digest(i), _amount(i), new bytes32[](0)), "without a proof"
                    );
                }
                bytes32[] memory longer = Tree.append(proof, root);
                assertFalse(anchor.verify(asset, 1, count, _digest(i), _amount(i), longer), "longer proof");
            }
        }
    }

    /// Whoever shows an inner node as if it were a leaf: its two halves are 64 bytes, as is what a leaf is made of.
    function test_verify_refusesAnInnerNodeAsAReceipt() public {
        bytes32[] memory leaves = _leaves(4);
        (bytes32 root,) = Tree.prove(leaves, 0);
        _anchor(operator.addr, 1, 1, root);
        bytes32[] memory level = Tree.up(leaves);
        bytes32[] memory proof = new bytes32[](1);
        for (uint256 i; i < 2; ++i) {
            proof[0] = level[1 - i];
            assertFalse(anchor.verify(asset, 1, 1, level[i], 0, proof));
            (bytes32 a, bytes32 b) = (leaves[2 * i], leaves[2 * i + 1]);
            assertFalse(anchor.verify(asset, 1, 1, a, uint96(uint256(b)), proof));
            assertFalse(anchor.verify(asset, 1, 1, b, uint96(uint256(a)), proof));
        }
        assertFalse(anchor.verify(asset, 1, 1, root, 0, new bytes32[](0)));
    }

    /// The attack as it would work against leaves that were hashed once: an operator who chooses the right half.
    function test_verify_refusesAnInnerNodeMadeToLookLikeAReceipt() public {
        bytes32 left = _digest(1);
        uint96 amount = 7;
        // keccak(left ‖ 7) is an inner node here, and would be the leaf (left, 7) if leaves were hashed once.
        bytes32 node = keccak256(abi.encode(left, amount));
        bytes32 sibling = Tree.leaf(_digest(2), 1);
        _anchor(operator.addr, 1, 1, Tree.pair(node, sibling));
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = sibling;
        assertFalse(anchor.verify(asset, 1, 1, left, amount, proof));
    }

    function testFuzz_verify_refusesWhatIsNotInTheTree(bytes32 digest, uint96 amount, bytes32[] calldata proof) public {
        (bytes32 root,) = Tree.prove(_leaves(5), 0);
        _anchor(operator.addr, 1, 1, root);
        for (uint256 i; i < 5; ++i) {
            vm.assume(digest != _digest(i));
        }
        assertFalse(anchor.verify(asset, 1, 1, digest, amount, proof));
        assertFalse(anchor.verify(asset, 1, 2, digest, amount, proof));
    }
}
