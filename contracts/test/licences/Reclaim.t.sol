// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILicences} from "../../src/interfaces/ILicences.sol";
import {LicencesTest} from "../support/LicencesTest.sol";

contract LicencesReclaim_GivenAPass is LicencesTest {
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = _sold(PASS, true);
    }

    function test_WhenTheReleaseHasCome_ItGivesTheHolderTheRest() public {
        _claimUses(id, 25);
        vm.warp(block.timestamp + PERIOD);
        assertFalse(licences.isValid(id));
        _claimUses(id, 30); // signed before the end, claimed in the window
        vm.warp(block.timestamp + WINDOW - 1);
        vm.expectEmit(address(licences));
        emit ILicences.Skipped(id, ILicences.SkipReason.NotReleased);
        licences.reclaim(_list(id));
        vm.warp(block.timestamp + 1);
        vm.expectEmit(address(licences));
        emit ILicences.Ended(id, buyer.addr, ILicences.EndReason.Reclaimed, PRICE * 70 / 100);
        vm.prank(stranger);
        licences.reclaim(_list(id));
        assertEq(licences.refunds(buyer.addr), PRICE * 70 / 100);
        vm.expectEmit(address(licences));
        emit ILicences.Skipped(id, ILicences.SkipReason.NotRunning);
        licences.reclaim(_list(id));
        assertEq(_push(id), PRICE * 30 / 100);
    }
}

contract LicencesReclaim_GivenOtherLicences is LicencesTest {
    function test_WhenTheReleaseHasCome_ItSkips() public {
        bytes32 id = _sold(SUBSCRIPTION, true);
        bytes32 paid = _sold(PASS, false);
        vm.warp(block.timestamp + PERIOD + WINDOW);
        vm.expectEmit(address(licences));
        emit ILicences.Skipped(id, ILicences.SkipReason.NotAPass);
        licences.reclaim(_list(id));
        vm.expectEmit(address(licences));
        emit ILicences.Skipped(paid, ILicences.SkipReason.NotRefundable);
        licences.reclaim(_list(paid));
    }
}
