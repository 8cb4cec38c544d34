// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../src/Escrow.sol";
import {IEscrow} from "../src/interfaces/IEscrow.sol";
import {WeftTest} from "./support/WeftTest.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Vm} from "forge-std/Vm.sol";

/// Given a payer with tokens, when he deposits and withdraws.
contract DepositTest is WeftTest {
    Vm.Wallet internal keyed;

    function setUp() public override {
        super.setUp();
        keyed = vm.createWallet("keyed payer");
        token.mint(keyed.addr, 1000);
    }

    function test_deposit_creditsWhatArrived() public {
        vm.startPrank(keyed.addr);
        token.approve(address(escrow), 600);
        vm.expectEmit(address(escrow));
        emit IEscrow.Deposited(keyed.addr, 600);
        assertEq(escrow.deposit(600), 600);
        assertEq(escrow.balances(keyed.addr), 600);
        assertEq(token.balanceOf(keyed.addr), 400);
    }

    function test_deposit_refusesWhatWasNotAllowed() public {
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(escrow), 0, 600)
        );
        vm.prank(keyed.addr);
        escrow.deposit(600);
    }

    function _permit(uint256 amount, uint256 deadlineSec) internal view returns (uint8 v, bytes32 r, bytes32 s) {
        return _signPermit(token, keyed, address(escrow), amount, deadlineSec);
    }

    function test_depositWithPermit_needsNoApproval() public {
        (uint8 v, bytes32 r, bytes32 s) = _permit(600, block.timestamp);
        vm.prank(keyed.addr);
        escrow.depositWithPermit(600, block.timestamp, v, r, s);
        assertEq(escrow.balances(keyed.addr), 600);
    }

    function test_depositWithPermit_worksWhenSomebodyUsedThePermitFirst() public {
        (uint8 v, bytes32 r, bytes32 s) = _permit(600, block.timestamp);
        token.permit(keyed.addr, address(escrow), 600, block.timestamp, v, r, s);
        vm.prank(keyed.addr);
        escrow.depositWithPermit(600, block.timestamp, v, r, s);
        assertEq(escrow.balances(keyed.addr), 600);
    }

    function test_I4_depositWithPermit_takesNothingFromAnotherWhoSignedAPermit() public {
        (uint8 v, bytes32 r, bytes32 s) = _permit(600, block.timestamp);
        address thief = makeAddr("thief");
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(escrow), 0, 600)
        );
        vm.prank(thief);
        escrow.depositWithPermit(600, block.timestamp, v, r, s);
        assertEq(token.balanceOf(keyed.addr), 1000);
    }

    function testFuzz_withdraw_paysOutUpToTheBalance(uint256 amount) public {
        bool fits = amount <= 1_000_000;
        if (!fits) {
            vm.expectRevert(abi.encodeWithSelector(IEscrow.InsufficientBalance.selector, payer, 1_000_000, amount));
        }
        vm.prank(payer);
        escrow.withdraw(amount, stranger);
        assertEq(token.balanceOf(stranger), fits ? amount : 0);
        assertEq(escrow.balances(payer), fits ? 1_000_000 - amount : 1_000_000);
    }

    function test_withdraw_refusesRecipientsFromWhichNothingReturns() public {
        address[3] memory bad = [address(0), address(escrow), address(revenue)];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IEscrow.BadRecipient.selector, bad[i]));
            vm.prank(payer);
            escrow.withdraw(1, bad[i]);
        }
    }

    function test_withdraw_cannotTouchWhatIsInChannels() public {
        _opened(1_000_000);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.InsufficientBalance.selector, payer, 0, 1));
        vm.prank(payer);
        escrow.withdraw(1, payer);
    }

    function test_T15_aDonationIsNobodysAndDisturbsNothing() public {
        token.mint(address(escrow), 777);
        vm.prank(payer);
        escrow.withdraw(1_000_000, payer);
        vm.prank(stranger);
        escrow.withdraw(1_000_000, stranger);
        assertEq(token.balanceOf(address(escrow)), 777);
    }

    function testFuzz_constructor_boundsTheWindow(uint40 windowSec) public {
        bool bad = windowSec < 1 hours || windowSec > 7 days;
        if (bad) {
            vm.expectRevert(abi.encodeWithSelector(IEscrow.BadWindow.selector, windowSec, 1 hours, 7 days));
        }
        Escrow made = new Escrow(IERC20(address(token)), assets, windowSec, governance);
        if (!bad) assertEq(made.WINDOW(), windowSec);
    }

    function test_T2_domain_isThatOfTheProtocol() public view {
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
