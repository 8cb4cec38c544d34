// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Portion} from "../Portion.sol";
import {IEscrow} from "./IEscrow.sol";

/// @title Pays what assets earned to those who owned them, and to those whose assets they were built from
/// @notice Anyone may release a tenure's income: what it earned in the escrow less the protocol's fee, and the royalties
/// that its children owe it. Each parent is credited its share with the tenure that it is in then, and the rest, with the
/// dust of rounding, goes to the owner of the released tenure, who withdraws when he likes. A parent's share waits for a
/// release of the parent, and so climbs on: one release is one level, whatever the lineage looks like.
///
/// This contract only counts. The tokens stay in {IEscrow} until their owner withdraws them, and those that are paid here
/// go there, so what is owed and what is held stand beside each other.
interface IRevenue {
    /// @notice Where a release went: `amount` to `owner`, after the shares of `parents` in `earned + royalties`. `earned` came
    /// from channels or a payment, less the fee; `royalties` from children. What a parent got waits for a release of its
    /// tenure: a word is its asset (64 bits), tenure (32) and amount (128).
    event Released(
        uint64 indexed asset,
        uint32 indexed tenure,
        address indexed owner,
        uint256 amount,
        uint256 earned,
        uint256 royalties,
        Portion[] parents
    );
    /// @notice `from` paid a tenure outside the escrow's channels; a Released tells where it went.
    event Paid(uint64 indexed asset, uint32 indexed tenure, address indexed from, uint256 amount);
    /// @notice `amount` of what a tenure earned was credited to the treasury.
    event FeeTaken(uint64 indexed asset, uint32 indexed tenure, address indexed treasury, uint256 amount);
    event FeeSet(uint16 bps, address indexed treasury);
    event Withdrawn(address indexed owner, address indexed to, uint256 amount);

    error UnknownTenure(uint64 asset, uint32 tenure);
    error InsufficientBalance(address owner, uint256 balance, uint256 needed);
    /// @notice Money sent there could not be fetched again.
    error BadRecipient(address to);
    error NotGovernance(address caller);
    error FeeTooHigh(uint256 bps, uint256 max);
    /// @notice A parent cannot be credited more than 128 bits.
    error RoyaltiesTooHigh(uint256 tenureKey);

    /// @notice Releases a tenure's income. Gives what its owner was credited.
    function release(uint64 asset, uint32 tenure) external returns (uint256 amount);

    /// @notice Takes `amount` from the caller, who allowed the escrow to take it, as income of a tenure, and releases it together
    /// with what children owe. How licences and jobs pay. Gives what its owner was credited.
    function pay(uint64 asset, uint32 tenure, uint256 amount) external returns (uint256 credited);

    /// @notice Pays `amount` of the caller's balance out to `to`.
    function withdraw(uint256 amount, address to) external;

    /// @notice Sets the protocol's fee on what is released from now on, at most MAX_FEE_BPS. Governance only.
    function setFee(uint16 bps, address treasury) external;

    function escrow() external view returns (IEscrow);
    /// @notice Who may set the fee, and nothing else.
    function governance() external view returns (address);
    function fee() external view returns (uint16 bps, address treasury);
    function balances(address owner) external view returns (uint256);
    /// @notice All royalties that a tenure was ever credited, and how much of them was released.
    function royalties(uint64 asset, uint32 tenure) external view returns (uint128 credited, uint128 released);
}
