// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "./IEscrow.sol";

/// @title Pays what assets earned to those who owned them
/// @notice Anyone may release a tenure's income; the owner of that tenure is credited and withdraws when he likes.
interface IRevenue {
    /// @notice `amount` of a tenure's income was credited to `owner`.
    event Released(uint64 indexed asset, uint32 indexed tenure, address indexed owner, uint256 amount);
    event Withdrawn(address indexed owner, address indexed to, uint256 amount);

    error UnknownTenure(uint64 asset, uint32 tenure);
    error InsufficientBalance(address owner, uint256 balance, uint256 needed);
    /// @notice Money sent there could not be fetched again.
    error BadRecipient(address to);

    /// @notice Collects a tenure's income from the escrow and credits its owner with what arrived.
    function release(uint64 asset, uint32 tenure) external returns (uint256 amount);

    /// @notice Pays `amount` of the caller's balance out to `to`.
    function withdraw(uint256 amount, address to) external;

    function escrow() external view returns (IEscrow);
    function balances(address owner) external view returns (uint256);
}
