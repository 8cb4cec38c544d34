// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AnchorTest} from "../support/AnchorTest.sol";

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

contract AnchorProofs_GivenAnchoredReceipts is AnchorTest {
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

    function test_WhenTheTreeHasOneToNineReceipts_ItFindsEachAndNothingElse() public {
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
    function test_WhenAnInnerNodeIsShownAsAReceipt_ItRefuses() public {
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
    function test_WhenAnInnerNodeWasMadeToLookLikeAReceipt_ItRefuses() public {
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

    function testFuzz_WhenTheReceiptIsNotInTheTree_ItRefuses(bytes32 digest, uint96 amount, bytes32[] calldata proof)
        public
    {
        (bytes32 root,) = Tree.prove(_leaves(5), 0);
        _anchor(operator.addr, 1, 1, root);
        for (uint256 i; i < 5; ++i) {
            vm.assume(digest != _digest(i));
        }
        assertFalse(anchor.verify(asset, 1, 1, digest, amount, proof));
        assertFalse(anchor.verify(asset, 1, 2, digest, amount, proof));
    }
}
