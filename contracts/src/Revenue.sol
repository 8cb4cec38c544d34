// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Incoming} from "./Incoming.sol";
import {IAssets} from "./interfaces/IAssets.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IRevenue} from "./interfaces/IRevenue.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Revenue
/// @notice See {IRevenue}. Made by its escrow, so that the two name each other for good.
contract Revenue is IRevenue, ReentrancyGuardTransient {
    using Incoming for IERC20;
    using SafeERC20 for IERC20;

    uint256 public constant MAX_FEE_BPS = 500;
    uint256 private constant BPS = 10_000;

    /// What a tenure was ever credited by its children, and how much of it was released.
    struct Royalties {
        uint128 credited;
        uint128 released;
    }

    struct Fee {
        uint16 bps;
        address treasury;
    }

    IEscrow public immutable escrow;
    address public immutable governance;
    IERC20 private immutable _token;
    IAssets private immutable _assets;

    Fee public fee;
    mapping(address owner => uint256) public balances;
    mapping(uint64 asset => mapping(uint32 tenure => Royalties)) public royalties;

    constructor(IERC20 token, IAssets assets, address governance_) {
        escrow = IEscrow(msg.sender);
        governance = governance_;
        _token = token;
        _assets = assets;
    }

    function release(uint64 asset, uint32 tenure) external nonReentrant returns (uint256 amount) {
        // Check
        address owner = _assets.ownerAt(asset, tenure);
        if (owner == address(0)) revert UnknownTenure(asset, tenure);
        // Interaction: the guard makes it safe to count what arrived and credit after it.
        uint256 collected = _collect(asset, tenure);
        // Effect
        return _credit(asset, tenure, owner, collected);
    }

    function pay(uint64 asset, uint32 tenure, uint256 amount) external nonReentrant returns (uint256 credited) {
        // Check
        address owner = _assets.ownerAt(asset, tenure);
        if (owner == address(0)) revert UnknownTenure(asset, tenure);
        // Interaction, as in release
        uint256 arrived = _token.take(amount);
        // Effect
        emit Paid(asset, tenure, msg.sender, arrived);
        return _credit(asset, tenure, owner, arrived);
    }

    function setFee(uint16 bps, address treasury) external {
        if (msg.sender != governance) revert NotGovernance(msg.sender);
        if (bps > MAX_FEE_BPS) revert FeeTooHigh(bps, MAX_FEE_BPS);
        if (bps != 0) _checkRecipient(treasury);
        fee = Fee(bps, treasury);
        emit FeeSet(bps, treasury);
    }

    function withdraw(uint256 amount, address to) external nonReentrant {
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
        _token.safeTransfer(to, amount);
    }

    /// Gives `arrived`, and what children owe, to fee, parents and owner.
    function _credit(uint64 asset, uint32 tenure, address owner, uint256 arrived) private returns (uint256 amount) {
        uint256 earned = _takeFee(asset, tenure, arrived);
        uint256 fromChildren = _takeRoyalties(asset, tenure);
        amount = earned + fromChildren;
        if (amount == 0) return 0;
        amount -= _creditParents(asset, tenure, amount);
        balances[owner] += amount;
        emit Released(asset, tenure, owner, amount, earned, fromChildren);
    }

    function _collect(uint64 asset, uint32 tenure) private returns (uint256 arrived) {
        uint256 before = _token.balanceOf(address(this));
        if (escrow.collect(asset, tenure) == 0) return 0;
        return _token.balanceOf(address(this)) - before;
    }

    /// Only what comes from the escrow bears the fee: royalties have borne it with the child's income.
    function _takeFee(uint64 asset, uint32 tenure, uint256 arrived) private returns (uint256 rest) {
        if (arrived == 0) return 0;
        Fee memory f = fee;
        uint256 taken = Math.mulDiv(arrived, f.bps, BPS);
        if (taken == 0) return arrived;
        balances[f.treasury] += taken;
        emit FeeTaken(asset, tenure, f.treasury, taken);
        return arrived - taken;
    }

    function _takeRoyalties(uint64 asset, uint32 tenure) private returns (uint256 amount) {
        Royalties storage r = royalties[asset][tenure];
        (uint128 credited, uint128 released) = (r.credited, r.released);
        if (credited == released) return 0;
        r.released = credited;
        return credited - released;
    }

    /// At most MAX_PARENTS of {IAssets}, whose shares add up to at most all of it.
    function _creditParents(uint64 asset, uint32 tenure, uint256 amount) private returns (uint256 given) {
        (IAssets.Parent[] memory parents, uint32[] memory tenures) = _assets.lineage(asset);
        for (uint256 i; i < parents.length; ++i) {
            uint256 share = Math.mulDiv(amount, parents[i].bps, BPS);
            if (share == 0) continue;
            given += share;
            royalties[parents[i].asset][tenures[i]].credited += SafeCast.toUint128(share);
            emit Royalty(parents[i].asset, tenures[i], asset, tenure, share);
        }
    }

    function _checkRecipient(address to) private view {
        if (to == address(0) || to == address(this) || to == address(escrow)) revert BadRecipient(to);
    }
}
