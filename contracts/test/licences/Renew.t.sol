// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILicences} from "../../src/interfaces/ILicences.sol";
import {LicencesTest} from "../support/LicencesTest.sol";

contract LicencesRenew_GivenASubscription is LicencesTest {
    bytes32 internal id;
    uint40 internal until;

    function setUp() public override {
        super.setUp();
        id = _sold(SUBSCRIPTION, true);
        until = licences.state(id).validUntilSec;
    }

    function test_WhenAnybodyRenewsIt_ItRunsOnFromItsPresentEndAndIsPaidOnce() public {
        vm.warp(block.timestamp + PERIOD / 2);
        uint96 before = licences.state(id).earned;
        vm.expectEmit(address(licences));
        emit ILicences.Renewed(id, ann, 2 * PRICE, until + 2 * PERIOD);
        vm.prank(ann);
        licences.renewTo(id, LISTING, until + 2 * PERIOD);
        assertEq(licences.state(id).earned, before, "a renewal earned something");
        uint256 money = token.balanceOf(ann);
        vm.prank(ann);
        licences.renewTo(id, LISTING, until + 2 * PERIOD);
        vm.prank(ann);
        licences.renewTo(id, LISTING, until);
        assertEq(token.balanceOf(ann), money, "paid twice");
        assertEq(licences.ownerOf(uint256(id)), buyer.addr);
        assertEq(licences.state(id).validUntilSec, until + 2 * PERIOD);
        vm.warp(until + 2 * PERIOD);
        assertEq(_push(id), 3 * PRICE);
        assertEq(_held(), 0);
    }

    function test_WhenTheNewEndIsNoWholePeriodOrTooFar_ItRefuses() public {
        uint256 latest = block.timestamp + 732 days;
        uint40[3] memory bad = [until + 1, until + PERIOD - 1, until + 24 * PERIOD];
        vm.startPrank(buyer.addr);
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ILicences.BadEnd.selector, id, bad[i], until, latest));
            licences.renewTo(id, LISTING, bad[i]);
        }
        licences.renewTo(id, LISTING, until + 23 * PERIOD);
        vm.stopPrank();
    }

    function test_WhenItIsNotOnSaleAnyMoreOrOfAnotherKind_ItRefuses() public {
        ILicences.Kind[3] memory others = [PASS, RENTAL, PERPETUAL];
        for (uint256 i; i < others.length; ++i) {
            bytes32 other = _sold(others[i], false);
            vm.expectRevert(abi.encodeWithSelector(ILicences.NotRenewable.selector, other));
            licences.renewTo(other, LISTING, uint40(block.timestamp) + 2 * PERIOD);
        }
        vm.prank(owner);
        assets.delist(asset);
        vm.expectRevert(abi.encodeWithSelector(ILicences.NotListed.selector, asset));
        vm.prank(buyer.addr);
        licences.renewTo(id, LISTING, until + PERIOD);
        _sellAsset(ann);
        vm.expectRevert(abi.encodeWithSelector(ILicences.WrongTenure.selector, asset, 1, 2));
        vm.prank(buyer.addr);
        licences.renewTo(id, LISTING, until + PERIOD);
    }
}
