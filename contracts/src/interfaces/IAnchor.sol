// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Where receipts are anchored
/// @notice For every asset, and for each of its tenures, the operator writes down epochs 1, 2, 3 …: the root of a Merkle
/// tree over the receipts of that epoch, how many there are and what they add up to. Roots are never changed. A leaf is
/// `keccak256(bytes.concat(keccak256(abi.encode(receipt digest, amount))))`, pairs are hashed in ascending order (as
/// OpenZeppelin's MerkleProof does); the receipt digest is the EIP-712 digest that the operator signed.
interface IAnchor {
    struct Epoch {
        bytes32 root;
        uint96 amount;
        uint64 receipts;
        uint40 anchoredAtSec;
    }

    event Anchored(
        uint64 indexed asset, uint32 indexed tenure, uint64 indexed epoch, bytes32 root, uint64 receipts, uint96 amount
    );

    /// @notice Only who is, or was until a sale, the operator of that tenure.
    error NotOperator(uint64 asset, uint32 tenure, address caller);
    error ZeroRoot(uint64 asset);
    error NoReceipts(uint64 asset);
    /// @notice Epochs follow each other; `next` is the one to come.
    error WrongEpoch(uint64 asset, uint64 epoch, uint64 next);

    /// @notice Anchors the next epoch of a tenure. Saying again what an epoch says already is refused like any other past one.
    function anchor(uint64 asset, uint32 tenure, uint64 epoch, bytes32 root, uint64 receipts, uint96 amount) external;

    /// @notice Whether a receipt of that amount is under the root of an epoch.
    function verify(
        uint64 asset,
        uint32 tenure,
        uint64 epoch,
        bytes32 receiptDigest,
        uint96 amount,
        bytes32[] calldata proof
    ) external view returns (bool);

    function epoch(uint64 asset, uint32 tenure, uint64 number) external view returns (Epoch memory);

    /// @notice How many epochs a tenure has.
    function epochs(uint64 asset, uint32 tenure) external view returns (uint64);
}
