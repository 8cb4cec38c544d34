// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILicences} from "../../src/interfaces/ILicences.sol";
import {LicencesTest} from "../support/LicencesTest.sol";

contract LicencesRefund_GivenARefundableSubscription is LicencesTest {
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = _sold(SUBSCRIPTION, true);
    }

    function testFuzz_WhenTheHolderWantsARefund_ItPaysBackWhatHasNotRunOff(uint40 ran) public {
        ran = uint40(bound(ran, 0, PERIOD - 1));
        vm.warp(block.timestamp + ran);
        uint96 earned = uint96(uint256(PRICE) * ran / PERIOD);
        vm.expectEmit(address(licences));
        emit ILicences.Ended(id, buyer.addr, ILicences.EndReason.Refunded, PRICE - earned);
        vm.prank(buyer.addr);
        licences.refund(id);
        assertFalse(licences.isValid(id));
        assertEq(licences.refunds(buyer.addr), PRICE - earned);
        vm.warp(block.timestamp + 9 * PERIOD);
        assertEq(_push(id), earned, "time after the end earned something");
        assertEq(_held(), PRICE - earned);
        vm.expectRevert(abi.encodeWithSelector(ILicences.NotRunning.selector, id));
        vm.prank(buyer.addr);
        licences.refund(id);
    }

    function test_WhenTheHolderWithdraws_ItPaysOutHisRefundsOnly() public {
        _buy(ann, _offer(_terms(SUBSCRIPTION, true))); // others' money
        vm.startPrank(buyer.addr);
        licences.refund(id);
        vm.expectRevert(abi.encodeWithSelector(ILicences.InsufficientBalance.selector, buyer.addr, PRICE, PRICE + 1));
        licences.withdraw(PRICE + 1, buyer.addr);
        address[4] memory bad = [address(0), address(licences), address(revenue), address(escrow)];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ILicences.BadRecipient.selector, bad[i]));
            licences.withdraw(1, bad[i]);
        }
        vm.expectEmit(address(licences));
        emit ILicences.Withdrawn(buyer.addr, address(0xCAFE), PRICE);
        licences.withdraw(PRICE, address(0xCAFE));
        vm.stopPrank();
        assertEq(token.balanceOf(address(0xCAFE)), PRICE);
        assertEq(_held(), PRICE);
    }

    function test_WhenItExpires_ItIsOverInThatSecond() public {
        vm.warp(block.timestamp + PERIOD - 1);
        assertTrue(licences.state(id).valid);
        vm.warp(block.timestamp + 1);
        assertFalse(licences.state(id).valid);
        bytes memory why = abi.encodeWithSelector(ILicences.LicenceExpired.selector, id, block.timestamp);
        vm.expectRevert(why);
        vm.prank(buyer.addr);
        licences.refund(id);
        vm.expectRevert(why);
        vm.prank(owner);
        licences.revoke(id);
        vm.expectRevert(why);
        vm.prank(buyer.addr);
        licences.renewTo(id, LISTING, uint40(block.timestamp) + PERIOD);
        vm.warp(block.timestamp + 1000 * 366 days);
        assertTrue(licences.state(_sold(PERPETUAL, false)).valid);
    }
}
