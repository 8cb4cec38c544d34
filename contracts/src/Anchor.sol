// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAnchor} from "./interfaces/IAnchor.sol";
import {IAssets} from "./interfaces/IAssets.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

/// @title Anchor
/// @notice See {IAnchor}. Holds no money and is nobody's admin.
contract Anchor is IAnchor {
    IAssets private immutable _assets;

    mapping(uint64 asset => mapping(uint32 tenure => uint64)) public epochs;
    mapping(uint64 asset => mapping(uint32 tenure => mapping(uint64 number => Epoch))) private _epochs;

    constructor(IAssets assets) {
        _assets = assets;
    }

    function anchor(uint64 asset, uint32 tenure, uint64 number, bytes32 root, uint64 receipts, uint96 amount) external {
        // Check
        if (!_assets.isOperator(asset, tenure, msg.sender)) revert NotOperator(asset, tenure, msg.sender);
        if (root == bytes32(0)) revert ZeroRoot(asset);
        if (receipts == 0) revert NoReceipts(asset);
        uint64 next = epochs[asset][tenure] + 1;
        if (number != next) revert WrongEpoch(asset, number, next);
        // Effect
        epochs[asset][tenure] = next;
        _epochs[asset][tenure][next] =
            Epoch({root: root, amount: amount, receipts: receipts, anchoredAtSec: uint40(block.timestamp)});
        emit Anchored(asset, tenure, next, root, receipts, amount);
    }

    function verify(
        uint64 asset,
        uint32 tenure,
        uint64 number,
        bytes32 receiptDigest,
        uint96 amount,
        bytes32[] calldata proof
    ) external view returns (bool) {
        bytes32 root = _epochs[asset][tenure][number].root;
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(receiptDigest, amount))));
        return root != bytes32(0) && MerkleProof.verifyCalldata(proof, root, leaf);
    }

    function epoch(uint64 asset, uint32 tenure, uint64 number) external view returns (Epoch memory) {
        return _epochs[asset][tenure][number];
    }
}
