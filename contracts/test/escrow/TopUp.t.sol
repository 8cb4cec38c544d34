// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {WeftTest} from "../support/WeftTest.sol";

contract EscrowTopUp_GivenAnOpenChannel is WeftTest {
    IEscrow.Terms internal t;
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        (t, id) = _opened(400);
    }

    function test_WhenAnybodyTopsItUp_ItRaisesTheDepositFromTheBalanceOfTheCaller() public {
        vm.expectEmit(address(escrow));
        emit IEscrow.ToppedUp(id, stranger, 600, 1000);
        vm.prank(stranger);
        escrow.topUpTo(t, 1000);
        _assertChannel(id, 1000, 0, IEscrow.Status.Open);
        assertEq(escrow.balances(stranger), 1_000_000 - 600);
        assertEq(escrow.balances(payer), 1_000_000 - 400);
    }

    function test_WhenTheSameIsSentAgain_ItAddsNothing() public {
        vm.startPrank(payer);
        escrow.topUpTo(t, 1000);
        vm.recordLogs();
        escrow.topUpTo(t, 1000);
        escrow.topUpTo(t, 0);
        assertEq(vm.getRecordedLogs().length, 0);
        _assertChannel(id, 1000, 0, IEscrow.Status.Open);
        assertEq(escrow.balances(payer), 1_000_000 - 1000);
    }

    function test_WhenTheCallerLacksTheBalance_ItRefuses() public {
        vm.expectRevert(abi.encodeWithSelector(IEscrow.InsufficientBalance.selector, stranger, 1_000_000, 1_000_001));
        vm.prank(stranger);
        escrow.topUpTo(t, 1_000_401);
    }

    function test_T18_WhenTheLargestAmountIsAboveTheBalance_ItRefuses() public {
        uint256 missing = uint256(type(uint96).max) - 400;
        vm.expectRevert(abi.encodeWithSelector(IEscrow.InsufficientBalance.selector, stranger, 1_000_000, missing));
        vm.prank(stranger);
        escrow.topUpTo(t, type(uint96).max);
        _assertChannel(id, 400, 0, IEscrow.Status.Open);
    }

    function test_WhenItsExpiryHasCome_ItRefuses() public {
        uint40 expiresAtSec = escrow.channel(id).expiresAtSec;
        vm.startPrank(payer);
        vm.warp(expiresAtSec - 1);
        escrow.topUpTo(t, 500);
        vm.warp(expiresAtSec);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.ChannelExpired.selector, id, expiresAtSec));
        escrow.topUpTo(t, 600);
    }
}

contract EscrowTopUp_GivenPayersWithTheLargestBalances is WeftTest {
    function setUp() public override {
        super.setUp();
        _fund(payer, type(uint96).max);
        _fund(stranger, type(uint96).max);
    }

    function testFuzz_T18_WhenAChannelIsToppedUpByAnyAmount_ItAddsItExactly(uint96 first, uint96 total) public {
        first = uint96(bound(first, 1, type(uint96).max));
        total = uint96(bound(total, first, type(uint96).max));
        (IEscrow.Terms memory t, bytes32 id) = _opened(first);
        for (uint256 i; i < 2; ++i) {
            uint256 had = escrow.balances(stranger);
            uint256 more = total - escrow.channel(id).deposited;
            vm.prank(stranger);
            escrow.topUpTo(t, total);
            _assertChannel(id, total, 0, IEscrow.Status.Open);
            assertEq(escrow.channel(id).expiresAtSec, _expiry());
            assertEq(escrow.balances(stranger), had - more);
            total = type(uint96).max;
        }
        _claim(t, type(uint96).max);
        _assertChannel(id, type(uint96).max, type(uint96).max, IEscrow.Status.Open);
    }
}
