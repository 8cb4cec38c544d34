// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../../src/Escrow.sol";
import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {IRevenue} from "../../src/interfaces/IRevenue.sol";
import {
    BlockingToken,
    FalseToken,
    FeeToken,
    HookToken,
    LongReturnToken,
    LyingToken,
    NoReturnToken,
    OddToken,
    PlainToken,
    RebasingToken,
    Reentrant
} from "../support/HostileTokens.sol";
import {WeftTest} from "../support/WeftTest.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// Tokens that misbehave: nobody gains, and no other escrow is touched.
abstract contract HostileTokensTest is WeftTest {
    function _escrowOf(address hostile) internal returns (Escrow) {
        return new Escrow(IERC20(hostile), assets, WINDOW, governance);
    }

    function _deposit(PlainToken hostile, Escrow into, address who, uint256 amount) internal {
        hostile.mint(who, amount);
        vm.startPrank(who);
        hostile.approve(address(into), amount);
        into.deposit(amount);
        vm.stopPrank();
    }
}

contract EscrowHostileTokens_GivenATokenWithAFee is HostileTokensTest {
    FeeToken internal fee;

    function setUp() public override {
        super.setUp();
        fee = new FeeToken();
        escrow = _escrowOf(address(fee));
    }

    function testFuzz_T12_WhenPayersDeposit_ItCreditsWhatArrived(uint96 amount) public {
        amount = uint96(bound(amount, 0, type(uint96).max / 2));
        _deposit(fee, escrow, payer, amount);
        _deposit(fee, escrow, stranger, amount);
        uint256 arrived = amount - amount / 10;
        assertEq(escrow.balances(payer), arrived);
        vm.prank(payer);
        escrow.withdraw(arrived, payer);
        vm.prank(stranger);
        escrow.withdraw(arrived, stranger);
        assertEq(fee.balanceOf(address(escrow)), 0);
        assertEq(fee.balanceOf(payer), arrived - arrived / 10);
    }

    /// Income moves no tokens: the fee falls on who takes them, and nobody else is short.
    function test_T12_WhenIncomeIsReleased_ItLeavesEveryOwnerWhatHeEarned() public {
        _deposit(fee, escrow, payer, 10_000);
        (IEscrow.Terms memory t,) = _opened(9000);
        _claim(t, 1000);
        IRevenue r = escrow.revenue();
        assertEq(r.release(asset, 1), 1000);
        vm.prank(owner);
        r.withdraw(1000, owner);
        assertEq(fee.balanceOf(owner), 900);
        assertEq(fee.balanceOf(address(escrow)), 8000);
        assertEq(escrow.channel(_id(t)).deposited - escrow.channel(_id(t)).claimed, 8000);
    }

    function test_T12_WhenSomebodyPaysATenure_ItPaysWhatArrived() public {
        IRevenue r = escrow.revenue();
        fee.mint(stranger, 1000);
        vm.startPrank(stranger);
        fee.approve(address(escrow), 1000);
        assertEq(r.pay(asset, 1, 1000), 900);
        assertEq(r.balances(owner), 900);
        assertEq(fee.balanceOf(address(escrow)), 900);
    }
}

contract EscrowHostileTokens_GivenATokenWithHooks is HostileTokensTest {
    HookToken internal hooks;

    function setUp() public override {
        super.setUp();
        hooks = new HookToken();
        escrow = _escrowOf(address(hooks));
    }

    /// Each call that a hook could make in the middle of each transfer.
    function test_T11_WhenAHolderReentersAnyCall_ItLetsHimGainNothing() public {
        IRevenue r = escrow.revenue();
        _deposit(hooks, escrow, stranger, 1000); // others' money
        Reentrant thief = new Reentrant(hooks, address(escrow));
        hooks.mint(address(thief), 60);
        bytes[4] memory calls = [
            abi.encodeCall(IEscrow.deposit, (10)),
            abi.encodeCall(IEscrow.withdraw, (1, address(thief))),
            abi.encodeCall(IRevenue.pay, (asset, 1, 10)),
            abi.encodeCall(IRevenue.withdraw, (1, address(thief)))
        ];
        address[4] memory targets = [address(escrow), address(escrow), address(r), address(r)];
        // Something to withdraw from Revenue, and something that came in the honest way.
        vm.prank(owner);
        assets.transferFrom(owner, address(thief), asset);
        vm.prank(address(thief));
        assets.setOperator(asset, address(0xB0B));
        IEscrow.Terms memory t = IEscrow.Terms(stranger, signer.addr, asset, 2, 1);
        _open(t, 500);
        IEscrow.Claim[] memory claims = _one(_claimOf(t, 100));
        vm.prank(address(0xB0B));
        escrow.claim(claims);
        r.release(asset, 2);
        thief.call(address(escrow), abi.encodeCall(IEscrow.deposit, (10)));
        bytes[4] memory outer = [
            abi.encodeCall(IEscrow.deposit, (5)),
            abi.encodeCall(IEscrow.withdraw, (2, address(thief))),
            abi.encodeCall(IRevenue.pay, (asset, 1, 5)),
            abi.encodeCall(IRevenue.withdraw, (2, address(thief)))
        ];
        for (uint256 j; j < 4; ++j) {
            for (uint256 i; i < 4; ++i) {
                thief.arm(targets[i], calls[i]);
                thief.call(targets[j], outer[j]);
                _assertRefused(thief);
            }
        }
        // Four times each: what he moved openly, and nothing else.
        assertEq(escrow.balances(address(thief)), 10 + 20 - 8);
        assertEq(r.balances(address(thief)), 100 - 8);
        assertEq(r.balances(owner), 20);
        assertEq(hooks.balanceOf(address(thief)), 60 - 10 - 20 + 8 - 20 + 8);
        assertEq(hooks.balanceOf(address(escrow)), 1000 + 10 + 20 - 8 + 20 - 8);
    }

    function _assertRefused(Reentrant thief) internal view {
        assertFalse(thief.succeeded());
        assertEq(
            bytes4(thief.answer()), ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector, "another reason"
        );
    }

    /// A release moves no tokens: in the middle of a transfer it pays what it would have paid before or after.
    function test_T11_WhenIncomeIsReleasedInTheMiddleOfATransfer_ItPaysOnce() public {
        _deposit(hooks, escrow, payer, 1000);
        (IEscrow.Terms memory t,) = _opened(500);
        _claim(t, 300);
        Reentrant thief = new Reentrant(hooks, address(escrow));
        hooks.mint(address(thief), 400);
        thief.arm(address(escrow.revenue()), abi.encodeCall(IRevenue.release, (asset, 1)));
        thief.call(address(escrow), abi.encodeCall(IEscrow.deposit, (400)));
        assertTrue(thief.succeeded());
        assertEq(escrow.balances(address(thief)), 400);
        assertEq(escrow.revenue().balances(owner), 300);
        assertEq(escrow.revenue().release(asset, 1), 0);
        assertEq(hooks.balanceOf(address(escrow)), 1400);
    }

    /// What the guard does not cover moves no tokens; in the middle of a transfer it sees nothing it could use twice.
    function test_T11_WhenAChannelIsOpenedInTheMiddleOfADeposit_ItUsesOnlyWhatWasThereBefore() public {
        _deposit(hooks, escrow, stranger, 1000);
        Reentrant thief = new Reentrant(hooks, address(escrow));
        hooks.mint(address(thief), 100);
        IEscrow.Terms memory t = IEscrow.Terms(address(thief), signer.addr, asset, 1, 1);
        thief.arm(address(escrow), abi.encodeCall(IEscrow.open, (_openEntry(t, 50, _expiry()))));
        thief.call(address(escrow), abi.encodeCall(IEscrow.deposit, (50)));
        assertFalse(thief.succeeded());
        thief.arm(address(escrow), abi.encodeCall(IEscrow.open, (_openEntry(t, 50, _expiry()))));
        thief.call(address(escrow), abi.encodeCall(IEscrow.deposit, (50)));
        assertTrue(thief.succeeded());
        assertEq(escrow.balances(address(thief)), 50);
        assertEq(hooks.balanceOf(address(escrow)), 1000 + 100);
    }
}

contract EscrowHostileTokens_GivenATokenThatAnswersOddly is HostileTokensTest {
    function test_T14_WhenItSaysFalse_ItRefuses() public {
        FalseToken falseToken = new FalseToken();
        Escrow into = _escrowOf(address(falseToken));
        falseToken.mint(payer, 100);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(falseToken)));
        vm.prank(payer);
        into.deposit(100);
        assertEq(into.balances(payer), 0);
    }

    function test_T14_WhenItMovesNothing_ItCreditsNothing() public {
        LyingToken lying = new LyingToken();
        Escrow into = _escrowOf(address(lying));
        vm.prank(payer);
        assertEq(into.deposit(100), 0);
        assertEq(into.balances(payer), 0);
    }

    function test_T14_WhenItAnswersNothingOrTooMuch_ItWorks() public {
        for (uint256 i; i < 2; ++i) {
            OddToken odd = i == 0 ? OddToken(new NoReturnToken()) : new LongReturnToken();
            Escrow into = _escrowOf(address(odd));
            odd.mint(payer, 100);
            vm.startPrank(payer);
            odd.approve(address(into), 100);
            into.deposit(100);
            into.withdraw(40, payer);
            vm.stopPrank();
            assertEq(into.balances(payer), 60);
            assertEq(odd.balanceOf(payer), 40);
        }
    }

    function test_T14_WhenItIsAnAddressWithoutCode_ItRefuses() public {
        Escrow into = _escrowOf(address(0xDEAD));
        vm.expectRevert();
        vm.prank(payer);
        into.deposit(100);
    }
}

contract EscrowHostileTokens_GivenATokenThatBlocks is HostileTokensTest {
    function test_T13_WhenPayerAndOwnerAreBlocked_ItStopsNobodyElse() public {
        BlockingToken blocking = new BlockingToken();
        escrow = _escrowOf(address(blocking));
        _deposit(blocking, escrow, payer, 1000);
        (IEscrow.Terms memory t,) = _opened(600);
        _claim(t, 100);
        blocking.setBlocked(payer, true);
        blocking.setBlocked(owner, true);
        // The channel lives and ends, income is released, all without touching the blocked.
        _claim(t, 250);
        IRevenue r = escrow.revenue();
        assertEq(r.release(asset, 1), 250);
        vm.prank(operator.addr);
        escrow.giveUp(t);
        assertEq(escrow.balances(payer), 750);
        // They themselves can still take their money elsewhere.
        vm.expectRevert("blocked");
        vm.prank(payer);
        escrow.withdraw(750, payer);
        vm.prank(payer);
        escrow.withdraw(750, stranger);
        vm.prank(owner);
        r.withdraw(250, stranger);
        assertEq(blocking.balanceOf(stranger), 1000);
    }
}

contract EscrowHostileTokens_GivenATokenThatRebases is HostileTokensTest {
    function test_T13_WhenItShrinksBalances_ItHarmsOnlyItsOwnEscrow() public {
        RebasingToken rebasing = new RebasingToken();
        Escrow into = _escrowOf(address(rebasing));
        _deposit(rebasing, into, payer, 1000);
        _deposit(rebasing, into, stranger, 1000);
        rebasing.rebase();
        vm.prank(payer);
        into.withdraw(1000, payer);
        // Documented limit: the last one finds nothing. The escrow of the honest token is whole.
        vm.expectRevert();
        vm.prank(stranger);
        into.withdraw(1000, stranger);
        assertGe(token.balanceOf(address(escrow)), escrow.balances(payer) + escrow.balances(stranger));
    }
}
