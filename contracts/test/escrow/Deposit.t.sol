// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {WeftTest} from "../support/WeftTest.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Vm} from "forge-std/Vm.sol";

contract EscrowDeposit_GivenAPayerWithTokens is WeftTest {
    Vm.Wallet internal keyed;

    function setUp() public override {
        super.setUp();
        keyed = vm.createWallet("keyed payer");
        token.mint(keyed.addr, 1000);
    }

    function test_WhenHeDeposits_ItCreditsWhatArrived() public {
        vm.startPrank(keyed.addr);
        token.approve(address(escrow), 600);
        vm.expectEmit(address(escrow));
        emit IEscrow.Deposited(keyed.addr, 600);
        assertEq(escrow.deposit(600), 600);
        assertEq(escrow.balances(keyed.addr), 600);
        assertEq(token.balanceOf(keyed.addr), 400);
    }

    function test_WhenHeAllowedNothing_ItRefuses() public {
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(escrow), 0, 600)
        );
        vm.prank(keyed.addr);
        escrow.deposit(600);
    }
}

contract EscrowDeposit_GivenAPayerWithTokens_GivenHisPermit is WeftTest {
    Vm.Wallet internal keyed;
    uint8 internal v;
    bytes32 internal r;
    bytes32 internal s;

    function setUp() public override {
        super.setUp();
        keyed = vm.createWallet("keyed payer");
        token.mint(keyed.addr, 1000);
        (v, r, s) = _signPermit(token, keyed, address(escrow), 600, block.timestamp);
    }

    function test_WhenHeDeposits_ItNeedsNoApproval() public {
        vm.prank(keyed.addr);
        escrow.depositWithPermit(600, block.timestamp, v, r, s);
        assertEq(escrow.balances(keyed.addr), 600);
    }

    function test_WhenSomebodyUsedThePermitFirst_ItStillDeposits() public {
        token.permit(keyed.addr, address(escrow), 600, block.timestamp, v, r, s);
        vm.prank(keyed.addr);
        escrow.depositWithPermit(600, block.timestamp, v, r, s);
        assertEq(escrow.balances(keyed.addr), 600);
    }

    function test_I4_WhenAnotherDepositsWithIt_ItTakesNothingFromHim() public {
        address thief = makeAddr("thief");
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(escrow), 0, 600)
        );
        vm.prank(thief);
        escrow.depositWithPermit(600, block.timestamp, v, r, s);
        assertEq(token.balanceOf(keyed.addr), 1000);
    }
}
