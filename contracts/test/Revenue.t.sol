// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Portion} from "../src/Portion.sol";
import {IEscrow} from "../src/interfaces/IEscrow.sol";
import {IRevenue} from "../src/interfaces/IRevenue.sol";
import {WeftTest} from "./support/WeftTest.sol";

/// Given an asset that earned 300, when its income is released and withdrawn.
contract RevenueTest is WeftTest {
    IEscrow.Terms internal t;

    function setUp() public override {
        super.setUp();
        (t,) = _opened(1000);
        _claim(t, 300);
    }

    function test_release_creditsTheTenuresOwnerWhoeverCalls() public {
        uint256 held = token.balanceOf(address(escrow));
        vm.expectEmit(address(escrow));
        emit IEscrow.Collected(asset, 1, 300);
        vm.expectEmit(address(revenue));
        emit IRevenue.Released(asset, 1, owner, 300, 300, 0, new Portion[](0));
        vm.prank(stranger);
        assertEq(revenue.release(asset, 1), 300);
        assertEq(revenue.balances(owner), 300);
        (uint256 earned, uint256 collected) = escrow.income(asset, 1);
        assertEq(earned, 300);
        assertEq(collected, 300);
        // It only counts: the tokens leave when the owner takes them.
        assertEq(token.balanceOf(address(escrow)), held);
    }

    function test_release_paysEveryUnitOnce() public {
        revenue.release(asset, 1);
        assertEq(revenue.release(asset, 1), 0);
        _claim(t, 450);
        assertEq(revenue.release(asset, 1), 150);
        assertEq(revenue.balances(owner), 450);
    }

    function test_release_paysEachTenureItsOwner() public {
        vm.prank(owner);
        assets.transferFrom(owner, stranger, asset);
        vm.prank(stranger);
        assets.setOperator(asset, address(0xB0B));
        IEscrow.Terms memory t2 = IEscrow.Terms(payer, signer.addr, asset, 2, 1);
        _open(t2, 100);
        IEscrow.Claim[] memory claims = _one(_claimOf(t2, 70));
        vm.prank(address(0xB0B));
        escrow.claim(claims);
        _claim(t, 310);
        revenue.release(asset, 1);
        revenue.release(asset, 2);
        assertEq(revenue.balances(owner), 310);
        assertEq(revenue.balances(stranger), 70);
    }

    function test_release_refusesTenuresThatNeverWere() public {
        uint32[3] memory bad = [uint32(0), 2, type(uint32).max];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IRevenue.UnknownTenure.selector, asset, bad[i]));
            revenue.release(asset, bad[i]);
        }
        vm.expectRevert(abi.encodeWithSelector(IRevenue.UnknownTenure.selector, 0, 0));
        revenue.release(0, 0);
    }

    function testFuzz_I4_collect_isRevenuesAlone(address caller) public {
        vm.assume(caller != address(revenue));
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotRevenue.selector, caller));
        vm.prank(caller);
        escrow.collect(asset, 1);
    }

    /// Also who owns the asset, and who allowed the escrow to take his tokens.
    function testFuzz_I4_takeAndPayOut_areRevenuesAlone(address caller, uint256 amount) public {
        vm.assume(caller != address(revenue));
        address[3] memory callers = [caller, owner, payer];
        for (uint256 i; i < callers.length; ++i) {
            bytes memory notRevenue = abi.encodeWithSelector(IEscrow.NotRevenue.selector, callers[i]);
            vm.expectRevert(notRevenue);
            vm.prank(callers[i]);
            escrow.payOut(callers[i], amount);
            vm.expectRevert(notRevenue);
            vm.prank(callers[i]);
            escrow.take(payer, amount);
        }
    }

    function test_pay_takesTheCallersTokensIntoTheEscrow() public {
        token.mint(stranger, 100);
        vm.startPrank(stranger);
        token.approve(address(escrow), 100);
        uint256 before = token.balanceOf(address(escrow));
        vm.expectEmit(address(revenue));
        emit IRevenue.Paid(asset, 1, stranger, 100);
        vm.expectEmit(address(revenue));
        emit IRevenue.Released(asset, 1, owner, 100, 100, 0, new Portion[](0));
        assertEq(revenue.pay(asset, 1, 100), 100);
        vm.stopPrank();
        assertEq(token.balanceOf(address(escrow)), before + 100);
        assertEq(token.balanceOf(stranger), 0);
        vm.prank(owner);
        revenue.withdraw(100, owner);
        assertEq(token.balanceOf(address(escrow)), before);
    }

    function test_pay_refusesTenuresThatNeverWere() public {
        token.mint(stranger, 100);
        vm.startPrank(stranger);
        token.approve(address(escrow), 100);
        vm.expectRevert(abi.encodeWithSelector(IRevenue.UnknownTenure.selector, asset, 2));
        revenue.pay(asset, 2, 100);
        assertEq(token.balanceOf(stranger), 100);
    }

    function test_withdraw_paysOutTheCallersShareOnly() public {
        revenue.release(asset, 1);
        uint256 held = token.balanceOf(address(escrow));
        vm.expectRevert(abi.encodeWithSelector(IRevenue.InsufficientBalance.selector, stranger, 0, 1));
        vm.prank(stranger);
        revenue.withdraw(1, stranger);
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(IRevenue.InsufficientBalance.selector, owner, 300, 301));
        revenue.withdraw(301, owner);
        vm.expectEmit(address(revenue));
        emit IRevenue.Withdrawn(owner, stranger, 200);
        revenue.withdraw(200, stranger);
        revenue.withdraw(100, owner);
        assertEq(revenue.balances(owner), 0);
        assertEq(token.balanceOf(stranger), 200);
        assertEq(token.balanceOf(owner), 100);
        assertEq(token.balanceOf(address(escrow)), held - 300);
    }

    function test_withdraw_refusesRecipientsFromWhichNothingReturns() public {
        revenue.release(asset, 1);
        address[3] memory bad = [address(0), address(escrow), address(revenue)];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IRevenue.BadRecipient.selector, bad[i]));
            vm.prank(owner);
            revenue.withdraw(1, bad[i]);
        }
    }

    /// Nobody can bring so much, so it is put there.
    function test_claim_refusesIncomeThatNobodyCouldCount() public {
        vm.record();
        escrow.income(asset, 1);
        (bytes32[] memory slots,) = vm.accesses(address(escrow));
        vm.store(address(escrow), slots[0], bytes32(uint256(type(uint128).max)));
        IEscrow.Claim[] memory claims = _one(_claimOf(t, 301));
        vm.expectRevert(abi.encodeWithSelector(IEscrow.IncomeTooHigh.selector, asset, 1));
        vm.prank(operator.addr);
        escrow.claim(claims);
    }

    function test_T15_aDonationToRevenueGoesToNobody() public {
        token.mint(address(revenue), 50);
        revenue.release(asset, 1);
        assertEq(revenue.balances(owner), 300);
    }
}
