// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title Money for local chains
/// @notice Six decimals, permits, and as much as anyone likes. Worth nothing, on purpose.
contract TestToken is ERC20, ERC20Permit {
    constructor() ERC20("Weft Test Token", "tWEFT") ERC20Permit("Weft Test Token") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }
}
