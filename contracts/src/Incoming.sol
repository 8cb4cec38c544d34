// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title Incoming
/// @notice How the contracts take tokens from who called for it.
library Incoming {
    using SafeERC20 for IERC20;

    /// @notice Takes `amount` of `from` and gives what arrived: only the difference tells what a token really brought. Whoever calls
    /// this holds the guard, so that nothing moves tokens out meanwhile.
    function take(IERC20 token, address from, uint256 amount) internal returns (uint256 arrived) {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(from, address(this), amount);
        arrived = token.balanceOf(address(this)) - before;
    }

    /// @notice Uses the caller's ERC-2612 permit. Anyone may have used it before us; what counts is the allowance.
    function tryPermit(IERC20 token, uint256 amount, uint256 deadlineSec, uint8 v, bytes32 r, bytes32 s) internal {
        try IERC20Permit(address(token)).permit(msg.sender, address(this), amount, deadlineSec, v, r, s) {} catch {}
    }
}
