// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {ClaimedChannelTest} from "../support/ClaimedChannelTest.sol";
import {OpenChannelTest} from "../support/OpenChannelTest.sol";

contract EscrowClaim_GivenAnOpenChannel is OpenChannelTest {
    function test_WhenTheOperatorClaimsWhatHeEarned_ItPaysItIntoTheIncomeOfTheTenure() public {
        vm.expectEmit(address(escrow));
        emit IEscrow.Claimed(id, asset, 1, 300, 300);
        IEscrow.Claim[] memory claims = _one(_claimOf(t, 300, 450));
        vm.prank(operator.addr);
        escrow.claim(claims);
        _assertChannel(id, 1000, 300, IEscrow.Status.Open);
        assertEq(_income(asset, 1), 300);
    }

    function testFuzz_I2_WhenAnyAmountIsClaimed_ItNeverPaysAboveVoucherOrDeposit(uint256 amount, uint256 cumulative)
        public
    {
        if (amount % 2 == 0) (amount, cumulative) = (amount % 1100, cumulative % 1100); // near the limits as often as far
        // Vouchers are signed over 96 bits; wider ones are tried with a fitting signature all the same.
        IEscrow.Claim memory entry = _claimOf(t, amount, cumulative);
        bool fits = amount != 0 && amount <= cumulative && amount <= 1000;
        vm.prank(operator.addr);
        escrow.claim(_one(entry));
        assertEq(_claimed(id), fits ? amount : 0);
        assertEq(_income(asset, 1), fits ? amount : 0);
    }

    function test_T10_WhenTheChannelDoesNotHoldTheAmount_ItSkips() public {
        _expectSkip(operator.addr, _claimOf(t, 1001), IEscrow.SkipReason.AboveDeposit);
        _expectSkip(operator.addr, _claimOf(t, 301, 300), IEscrow.SkipReason.AboveVoucher);
        _claim(t, 1000);
        assertEq(_claimed(id), 1000);
    }

    function test_T18_WhenTheNumbersAreTheLargest_ItSkipsThemAndStopsNobody() public {
        IEscrow.Claim[] memory claims = new IEscrow.Claim[](3);
        claims[0] = _claimOf(t, type(uint256).max);
        claims[1] = _claimOf(t, uint256(type(uint96).max) + 1 + 300, type(uint256).max);
        claims[2] = _claimOf(t, 300);
        vm.prank(operator.addr);
        escrow.claim(claims);
        assertEq(_income(asset, 1), 300);
    }

    function test_WhenAssetOrTenureIsZero_ItSkips() public {
        IEscrow.Terms memory none;
        _expectSkip(operator.addr, _claimOf(none, 1), IEscrow.SkipReason.NotOperator);
        none.asset = asset;
        _expectSkip(operator.addr, _claimOf(none, 1), IEscrow.SkipReason.NotOperator);
    }

    function test_T6_WhenTheReleaseHasCome_ItSkips() public {
        uint256 release = escrow.channel(id).expiresAtSec + WINDOW;
        vm.warp(release - 1);
        _claim(t, 300);
        assertEq(_claimed(id), 300);
        vm.warp(release);
        _expectSkip(operator.addr, _claimOf(t, 400), IEscrow.SkipReason.Released);
    }

    function testFuzz_T8_WhenItIsClaimedAndReclaimedInAnyOrder_ItNeverLetsBothSucceed(uint40 time, bool payerFirst)
        public
    {
        uint256 release = escrow.channel(id).expiresAtSec + WINDOW;
        time = uint40(bound(time, release - 2, release + 2));
        vm.warp(time);
        if (payerFirst) escrow.reclaim(_one(t));
        _claim(t, 300);
        if (!payerFirst) escrow.reclaim(_one(t));
        bool released = time >= release;
        assertEq(_income(asset, 1), released ? 0 : 300);
        assertEq(escrow.balances(payer), released ? 1_000_000 : 999_000);
    }

    function test_WhenABatchIsEmpty_ItDoesNothing() public {
        vm.recordLogs();
        vm.prank(operator.addr);
        escrow.claim(new IEscrow.Claim[](0));
        assertEq(vm.getRecordedLogs().length, 0);
    }

    function test_WhenABatchMixesAssets_ItCreditsEachItsOwnInWhateverOrder() public {
        uint64 other = _mint(owner, operator.addr);
        IEscrow.Claim[] memory claims = new IEscrow.Claim[](6);
        for (uint64 i; i < 6; ++i) {
            IEscrow.Terms memory terms = IEscrow.Terms(payer, signer.addr, i % 2 == 0 ? asset : other, 1, 50 + i);
            _open(terms, 100);
            claims[i] = _claimOf(terms, 10 + i);
        }
        vm.prank(operator.addr);
        escrow.claim(claims);
        assertEq(_income(asset, 1), 10 + 12 + 14);
        assertEq(_income(other, 1), 11 + 13 + 15);
    }

    function test_T17_WhenABatchHasBadEntries_ItSkipsThemAndPaysTheOthers() public {
        uint64 foreign = _mint(owner, stranger);
        IEscrow.Claim[] memory claims = new IEscrow.Claim[](100);
        for (uint64 i; i < 100; ++i) {
            IEscrow.Terms memory terms = _terms(1000 + i);
            if (i % 5 == 4) terms.asset = foreign;
            if (i % 5 != 2) _open(terms, 100); // 2: never opened
            claims[i] = _claimOf(terms, i % 5 == 1 ? 101 : 60); // 1: above its deposit
            if (i % 5 == 3) claims[i].r = bytes32(uint256(i)); // 3: no signature
        }
        vm.prank(operator.addr);
        escrow.claim(claims);
        assertEq(_income(asset, 1), 20 * 60);
        assertEq(_income(foreign, 1), 0);
    }

    function test_T17_WhenABatchIsAboveTheCap_ItRefusesAndTheCapFitsABlock() public {
        vm.expectRevert(abi.encodeWithSelector(IEscrow.BatchTooLarge.selector, 101, 100));
        vm.prank(operator.addr);
        escrow.claim(new IEscrow.Claim[](101));
        IEscrow.Claim[] memory claims = new IEscrow.Claim[](100);
        for (uint64 i; i < 100; ++i) {
            IEscrow.Terms memory terms = IEscrow.Terms(payer, signer.addr, _mint(owner, operator.addr), 1, i);
            _open(terms, 100);
            claims[i] = _claimOf(terms, 60);
        }
        vm.prank(operator.addr);
        uint256 before = gasleft();
        escrow.claim(claims);
        assertLt(before - gasleft(), 6_000_000);
    }
}

contract EscrowClaim_GivenAnOpenChannel_GivenAClaimBefore is ClaimedChannelTest {
    function test_T4_WhenMoreIsClaimed_ItAddsOnlyTheDifference() public {
        vm.expectEmit(address(escrow));
        emit IEscrow.Claimed(id, asset, 1, 150, 450);
        _claim(t, 450);
        assertEq(_income(asset, 1), 450);
    }

    function test_T4_WhenTheSameVoucherIsClaimedTwice_ItPaysOnce() public {
        _expectSkip(operator.addr, _claimOf(t, 300), IEscrow.SkipReason.NothingNew);
        _expectSkip(operator.addr, _claimOf(t, 299), IEscrow.SkipReason.NothingNew);
        _expectSkip(operator.addr, _claimOf(t, 0), IEscrow.SkipReason.NothingNew);
        IEscrow.Claim[] memory twice = new IEscrow.Claim[](2);
        twice[0] = twice[1] = _claimOf(t, 400);
        vm.prank(operator.addr);
        escrow.claim(twice);
        assertEq(_income(asset, 1), 400);
    }

    /// Nobody can bring so much, so it is put there.
    function test_WhenTheIncomeWouldBeMoreThanItCanCount_ItRefuses() public {
        vm.record();
        escrow.income(asset, 1);
        (bytes32[] memory slots,) = vm.accesses(address(escrow));
        vm.store(address(escrow), slots[0], bytes32(uint256(type(uint128).max)));
        IEscrow.Claim[] memory claims = _one(_claimOf(t, 301));
        vm.expectRevert(abi.encodeWithSelector(IEscrow.IncomeTooHigh.selector, asset, 1));
        vm.prank(operator.addr);
        escrow.claim(claims);
    }
}
