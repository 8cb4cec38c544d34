// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILicences} from "../../src/interfaces/ILicences.sol";
import {LicencesTest} from "../support/LicencesTest.sol";

contract LicencesRental_GivenAnExclusiveOffer is LicencesTest {
    bytes32 internal offerId;

    function setUp() public override {
        super.setUp();
        ILicences.Offer memory o = _terms(RENTAL, true);
        o.exclusive = true;
        offerId = _offer(o);
    }

    function test_WhenOneRuns_ItLetsNoOtherRentalBegin() public {
        bytes32 shared = _offer(_terms(RENTAL, true));
        bytes32 id = _buy(buyer.addr, offerId);
        uint256 until = block.timestamp + PERIOD;
        bytes memory why = abi.encodeWithSelector(ILicences.ExclusivelyRented.selector, asset, id, until);
        assertEq(licences.exclusiveRental(asset), id);
        vm.expectRevert(why);
        _buy(ann, offerId);
        vm.expectRevert(why);
        _buy(ann, shared);
        // A new owner is bound too
        _sellAsset(ann);
        vm.prank(ann);
        assets.publish(asset, LISTING, 1);
        bytes32 later = _offer(_terms(RENTAL, true));
        vm.warp(until - 1);
        vm.expectRevert(why);
        _buy(ann, later);
        vm.warp(until);
        _buy(ann, later);
        _buy(ann, later);
    }

    function test_WhenOneIsRefundedOrRevoked_ItLetsTheNextBegin() public {
        bytes32 id = _buy(buyer.addr, offerId);
        vm.prank(buyer.addr);
        licences.refund(id);
        id = _buy(ann, offerId);
        vm.prank(owner);
        licences.revoke(id);
        id = _buy(buyer.addr, offerId);
        assertEq(licences.exclusiveRental(asset), id);
        // Other kinds are not rentals
        _sold(SUBSCRIPTION, true);
    }
}
