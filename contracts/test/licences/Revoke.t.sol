// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILicences} from "../../src/interfaces/ILicences.sol";
import {LicencesTest} from "../support/LicencesTest.sol";

contract LicencesRevoke_GivenASubscription is LicencesTest {
    function test_WhenItsOfferSaidSo_ItIsForTheSellerAloneAndPaysBackTheRest() public {
        bytes32 id = _sold(SUBSCRIPTION, true);
        vm.warp(block.timestamp + PERIOD / 4);
        vm.expectRevert(abi.encodeWithSelector(ILicences.NotOwner.selector, asset, stranger));
        vm.prank(stranger);
        licences.revoke(id);
        _sellAsset(ann);
        vm.expectRevert(abi.encodeWithSelector(ILicences.NotOwner.selector, asset, ann));
        vm.prank(ann);
        licences.revoke(id);
        vm.expectEmit(address(licences));
        emit ILicences.Ended(id, buyer.addr, ILicences.EndReason.Revoked, PRICE - PRICE / 4);
        vm.prank(owner);
        licences.revoke(id);
        assertFalse(licences.state(id).valid);
        assertEq(licences.state(id).signer, address(0));
        assertEq(licences.refunds(buyer.addr), PRICE - PRICE / 4);
        assertEq(_push(id), PRICE / 4);
    }

    function test_WhenItsOfferDidNotSaySo_ItRefuses() public {
        ILicences.Offer memory o = _terms(SUBSCRIPTION, true);
        o.revocable = false;
        bytes32 id = _buy(buyer.addr, _offer(o));
        vm.expectRevert(abi.encodeWithSelector(ILicences.NotRevocable.selector, id));
        vm.prank(owner);
        licences.revoke(id);
    }
}
