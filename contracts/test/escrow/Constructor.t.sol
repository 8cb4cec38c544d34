// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../../src/Escrow.sol";
import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {WeftTest} from "../support/WeftTest.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

contract EscrowConstructor is WeftTest {
    function testFuzz_WhenTheWindowIsOutOfBounds_ItRefuses(uint40 windowSec) public {
        bool bad = windowSec < 1 hours || windowSec > 7 days;
        if (bad) {
            vm.expectRevert(abi.encodeWithSelector(IEscrow.BadWindow.selector, windowSec, 1 hours, 7 days));
        }
        Escrow made = new Escrow(IERC20(address(token)), assets, windowSec, governance);
        if (!bad) assertEq(made.WINDOW(), windowSec);
    }

    function test_T2_WhenItIsDeployed_ItSignsInTheDomainOfTheProtocol() public view {
        (, string memory name, string memory version, uint256 chainId, address verifying,,) = escrow.eip712Domain();
        assertEq(name, "Weft Escrow");
        assertEq(version, "1");
        assertEq(chainId, block.chainid);
        assertEq(verifying, address(escrow));
        (, name, version,, verifying,,) = assets.eip712Domain();
        assertEq(name, "Weft Assets");
        assertEq(version, "1");
        assertEq(verifying, address(assets));
    }
}
