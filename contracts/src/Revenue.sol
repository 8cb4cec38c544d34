// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Portion, keyOf} from "./Portion.sol";
import {IAssets} from "./interfaces/IAssets.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IRevenue} from "./interfaces/IRevenue.sol";

/// @title Revenue
/// @notice See {IRevenue}. Made by its escrow, so that the two name each other for good. It needs no guard of its own: only
/// the escrow touches the token, under its guard, and a number read here before such a call is not used after it.
contract Revenue is IRevenue {
    uint256 public constant MAX_FEE_BPS = 500;
    uint256 private constant BPS = 10_000;

    struct Fee {
        uint16 bps;
        address treasury;
    }

    IEscrow public immutable escrow;
    address public immutable governance;
    IAssets private immutable _assets;

    Fee public fee;
    mapping(address owner => uint256) public balances;
    /// Lower half: all that children ever credited a tenure; upper half: how much of it was released.
    mapping(uint256 tenureKey => uint256) private _royalties;

    constructor(IAssets assets, address governance_) {
        escrow = IEscrow(msg.sender);
        governance = governance_;
        _assets = assets;
    }

    function release(uint64 asset, uint32 tenure) external returns (uint256 amount) {
        return _credit(asset, tenure, escrow.collect(asset, tenure));
    }

    function pay(uint64 asset, uint32 tenure, uint256 amount) external returns (uint256 credited) {
        // Interaction: what counts is what arrived.
        uint256 arrived = escrow.take(msg.sender, amount);
        // Effect
        emit Paid(asset, tenure, msg.sender, arrived);
        return _credit(asset, tenure, arrived);
    }

    function setFee(uint16 bps, address treasury) external {
        if (msg.sender != governance) revert NotGovernance(msg.sender);
        if (bps > MAX_FEE_BPS) revert FeeTooHigh(bps, MAX_FEE_BPS);
        if (bps != 0) _checkRecipient(treasury);
        fee = Fee(bps, treasury);
        emit FeeSet(bps, treasury);
    }

    function withdraw(uint256 amount, address to) external {
        // Check
        uint256 balance = balances[msg.sender];
        if (balance < amount) revert InsufficientBalance(msg.sender, balance, amount);
        _checkRecipient(to);
        // Effect
        unchecked {
            balances[msg.sender] = balance - amount;
        }
        emit Withdrawn(msg.sender, to, amount);
        // Interaction
        escrow.payOut(to, amount);
    }

    function royalties(uint64 asset, uint32 tenure) external view returns (uint128 credited, uint128 released) {
        uint256 word = _royalties[keyOf(asset, tenure)];
        return (uint128(word), uint128(word >> 128));
    }

    /// Gives `income`, and what children owe, to fee, parents and owner.
    function _credit(uint64 asset, uint32 tenure, uint256 income) private returns (uint256 amount) {
        // Check
        (address owner, Portion[] memory parents) = _assets.lineage(asset, tenure);
        if (owner == address(0)) revert UnknownTenure(asset, tenure);
        // Effect
        uint256 earned = _takeFee(asset, tenure, income);
        uint256 fromChildren = _takeRoyalties(asset, tenure);
        amount = earned + fromChildren;
        if (amount == 0) return 0;
        amount -= _creditParents(parents, amount);
        balances[owner] += amount;
        emit Released(asset, tenure, owner, amount, earned, fromChildren, parents);
    }

    /// Only what was earned bears the fee: royalties have borne it with the child's income.
    function _takeFee(uint64 asset, uint32 tenure, uint256 income) private returns (uint256 rest) {
        if (income == 0) return 0;
        (uint256 bps, address treasury) = (fee.bps, fee.treasury);
        uint256 taken = income * bps / BPS;
        if (taken == 0) return income;
        balances[treasury] += taken;
        emit FeeTaken(asset, tenure, treasury, taken);
        return income - taken;
    }

    function _takeRoyalties(uint64 asset, uint32 tenure) private returns (uint256 amount) {
        uint256 key = keyOf(asset, tenure);
        uint256 word = _royalties[key];
        uint256 credited = uint128(word);
        amount = credited - (word >> 128);
        if (amount != 0) _royalties[key] = (credited << 128) | credited;
    }

    /// Turns `parents`, at most MAX_PARENTS of {IAssets} whose shares add up to at most all of it, from shares to amounts.
    function _creditParents(Portion[] memory parents, uint256 amount) private returns (uint256 given) {
        uint256 count = parents.length;
        for (uint256 i; i < count; ++i) {
            Portion parent = parents[i];
            uint256 share = amount * parent.size() / BPS;
            parents[i] = parent.resized(share);
            if (share == 0) continue;
            uint256 word = _royalties[parent.key()] + share;
            // The lower half has run over if it is now smaller than what was added.
            if (uint128(word) < share) revert RoyaltiesTooHigh(parent.key());
            _royalties[parent.key()] = word;
            given += share;
        }
    }

    function _checkRecipient(address to) private view {
        if (to == address(0) || to == address(this) || to == address(escrow)) revert BadRecipient(to);
    }
}
