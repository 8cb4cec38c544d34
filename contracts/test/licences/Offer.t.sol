// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILicences} from "../../src/interfaces/ILicences.sol";
import {LicencesTest} from "../support/LicencesTest.sol";

contract LicencesOffer_GivenAListedAsset is LicencesTest {
    function test_WhenItsOwnerMakesAnOffer_ItIsNamedByItsTermsAndNeverChanges() public {
        ILicences.Offer memory o = _terms(SUBSCRIPTION, true);
        bytes32 id = keccak256(abi.encode(block.chainid, address(licences), o));
        vm.expectEmit(address(licences));
        emit ILicences.Offered(id, asset, 1, o);
        assertEq(_offer(o), id);
        assertEq(licences.offerIdOf(o), id);
        (ILicences.Offer memory stored, ILicences.OfferStatus status) = licences.offerOf(id);
        assertEq(keccak256(abi.encode(stored)), keccak256(abi.encode(o)));
        assertEq(uint8(status), uint8(ILicences.OfferStatus.Open));
        vm.expectRevert(abi.encodeWithSelector(ILicences.OfferExists.selector, id));
        _offer(o);
    }

    function testFuzz_WhenTheCallerIsNotThePresentOwner_ItRefuses(address caller) public {
        vm.assume(caller != owner);
        ILicences.Offer memory o = _terms(PASS, false);
        vm.expectRevert(abi.encodeWithSelector(ILicences.NotOwner.selector, asset, caller));
        vm.prank(caller);
        licences.offer(o);
        bytes32 id = _offer(o);
        vm.expectRevert(abi.encodeWithSelector(ILicences.NotOwner.selector, asset, caller));
        vm.prank(caller);
        licences.withdrawOffer(id);
    }

    function test_WhenTheTenureIsNotThePresent_ItRefuses() public {
        ILicences.Offer memory o = _terms(PASS, false);
        o.tenure = 2;
        vm.expectRevert(abi.encodeWithSelector(ILicences.WrongTenure.selector, asset, 2, 1));
        _offer(o);
        (o.asset, o.tenure) = (99, 0);
        vm.expectRevert(abi.encodeWithSelector(ILicences.WrongTenure.selector, 99, 0, 0));
        _offer(o);
    }

    function test_WhenTheTermsDoNotFit_ItRefuses() public {
        ILicences.Offer memory o = _terms(SUBSCRIPTION, false);
        o.price = 0;
        _refusesTerms(o, abi.encodeWithSelector(ILicences.ZeroPrice.selector, asset));
        for (uint8 k; k < 4; ++k) {
            ILicences.Kind kind = ILicences.Kind(k);
            uint40[2] memory spans = [uint40(kind == PERPETUAL ? 1 : 0), 366 days + 1];
            for (uint256 i; i < 2; ++i) {
                o = _terms(kind, false);
                o.spanSec = spans[i];
                if (kind == PASS && i == 0) continue; // a pass that never lapses
                _refusesTerms(o, abi.encodeWithSelector(ILicences.BadSpan.selector, kind, spans[i], 366 days));
            }
            o = _terms(kind, false);
            o.calls = kind == PASS ? 0 : 1;
            _refusesTerms(o, abi.encodeWithSelector(ILicences.BadCalls.selector, kind, o.calls));
            o = _terms(kind, false);
            o.revocable = true;
            _refusesTerms(o, abi.encodeWithSelector(ILicences.RevocableMustBeRefundable.selector, kind));
            if (kind == RENTAL) continue;
            o = _terms(kind, false);
            o.exclusive = true;
            _refusesTerms(o, abi.encodeWithSelector(ILicences.OnlyRentalsAreExclusive.selector, kind));
        }
        o = _terms(PERPETUAL, true);
        _refusesTerms(o, abi.encodeWithSelector(ILicences.NoRefundWithoutEnd.selector, PERPETUAL));
        o = _terms(PASS, true);
        o.spanSec = 0;
        _refusesTerms(o, abi.encodeWithSelector(ILicences.NoRefundWithoutEnd.selector, PASS));
    }

    function _refusesTerms(ILicences.Offer memory o, bytes memory why) internal {
        vm.expectRevert(why);
        _offer(o);
    }

    function test_WhenAnOfferIsWithdrawn_ItSellsNoMoreAndLetsWhatWasSoldRun() public {
        bytes32 offerId = _offer(_terms(SUBSCRIPTION, true));
        bytes32 id = _buy(buyer.addr, offerId);
        vm.expectEmit(address(licences));
        emit ILicences.OfferWithdrawn(offerId);
        vm.prank(owner);
        licences.withdrawOffer(offerId);
        bytes memory why =
            abi.encodeWithSelector(ILicences.OfferNotOpen.selector, offerId, ILicences.OfferStatus.Withdrawn);
        vm.expectRevert(why);
        _buy(ann, offerId);
        vm.expectRevert(why);
        vm.prank(buyer.addr);
        licences.renewTo(id, LISTING, uint40(block.timestamp) + 2 * PERIOD);
        vm.expectRevert(why);
        vm.prank(owner);
        licences.withdrawOffer(offerId);
        ILicences.Offer memory o;
        (o,) = licences.offerOf(offerId);
        vm.expectRevert(abi.encodeWithSelector(ILicences.OfferExists.selector, offerId));
        _offer(o);
        assertTrue(licences.isValid(id));
    }
}
