// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAssets} from "./interfaces/IAssets.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IRevenue} from "./interfaces/IRevenue.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @title Revenue
/// @notice See {IRevenue}. Made by its escrow, so that the two name each other for good.
contract Revenue is IRevenue, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    IEscrow public immutable escrow;
    IERC20 private immutable _token;
    IAssets private immutable _assets;

    mapping(address owner => uint256) public balances;

    constructor(IERC20 token, IAssets assets) {
        escrow = IEscrow(msg.sender);
        _token = token;
        _assets = assets;
    }

    function release(uint64 asset, uint32 tenure) external nonReentrant returns (uint256 amount) {
        // Check
        address owner = _assets.ownerAt(asset, tenure);
        if (owner == address(0)) revert UnknownTenure(asset, tenure);
        // Interaction: the guard makes it safe to count what arrived and credit after it.
        uint256 before = _token.balanceOf(address(this));
        if (escrow.collect(asset, tenure) == 0) return 0;
        amount = _token.balanceOf(address(this)) - before;
        // Effect
        balances[owner] += amount;
        emit Released(asset, tenure, owner, amount);
    }

    function withdraw(uint256 amount, address to) external nonReentrant {
        // Check
        uint256 balance = balances[msg.sender];
        if (balance < amount) revert InsufficientBalance(msg.sender, balance, amount);
        if (to == address(0) || to == address(this) || to == address(escrow)) revert BadRecipient(to);
        // Effect
        unchecked {
            balances[msg.sender] = balance - amount;
        }
        emit Withdrawn(msg.sender, to, amount);
        // Interaction
        _token.safeTransfer(to, amount);
    }
}
