// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestToken} from "../../src/TestToken.sol";
import {ILicences} from "../../src/interfaces/ILicences.sol";
import {LicencesTest} from "../support/LicencesTest.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

contract LicencesBuy_GivenAListedAsset is LicencesTest {
    function test_WhenALicenceIsBought_ItTellsAPaywallEverythingInOneCall() public {
        bytes32 offerId = _offer(_terms(PASS, true));
        bytes32 id = keccak256(abi.encode(block.chainid, address(licences), buyer.addr, offerId, uint64(7)));
        uint40 until = uint40(block.timestamp) + PERIOD;
        vm.expectEmit(address(licences));
        emit ILicences.Bought(id, offerId, buyer.addr, asset, 1, PRICE, until);
        vm.expectEmit(address(licences));
        emit ILicences.SignerSet(id, key.addr, 1);
        vm.prank(buyer.addr);
        assertEq(licences.buy(offerId, LISTING, key.addr, 7), id);
        assertEq(licences.licenceIdOf(buyer.addr, offerId, 7), id);
        ILicences.State memory want = ILicences.State({
            valid: true,
            holder: buyer.addr,
            signer: key.addr,
            signerNumber: 1,
            asset: asset,
            tenure: 1,
            kind: PASS,
            offerId: offerId,
            startSec: uint40(block.timestamp),
            validUntilSec: until,
            paid: PRICE,
            earned: 0,
            uses: 0,
            callsLeft: CALLS
        });
        assertEq(keccak256(abi.encode(licences.state(id))), keccak256(abi.encode(want)));
        assertEq(licences.ownerOf(uint256(id)), buyer.addr);
        assertEq(licences.tokenURI(uint256(id)), "");
        assertTrue(licences.supportsInterface(type(IERC721).interfaceId));
        assertEq(_held(), PRICE);
        ILicences.State memory none;
        assertEq(keccak256(abi.encode(licences.state(bytes32(uint256(1))))), keccak256(abi.encode(none)));
        assertFalse(licences.isValid(bytes32(uint256(1))));
    }

    function test_WhenALicenceCannotBeRefunded_ItPaysAtOnceLessTheFee() public {
        vm.prank(governance);
        revenue.setFee(500, address(0x7EA));
        for (uint8 k; k < 4; ++k) {
            bytes32 id = _sold(ILicences.Kind(k), false);
            assertEq(revenue.balances(owner), (k + 1) * (PRICE - PRICE / 20));
            assertEq(_held(), 0);
            assertEq(licences.state(id).earned, PRICE);
            vm.expectRevert(abi.encodeWithSelector(ILicences.NotRefundable.selector, id));
            vm.prank(buyer.addr);
            licences.refund(id);
        }
        assertEq(revenue.balances(address(0x7EA)), 4 * PRICE / 20);
    }

    function test_WhenTheOfferNeverWas_ItRefuses() public {
        vm.expectRevert(
            abi.encodeWithSelector(ILicences.OfferNotOpen.selector, bytes32(uint256(5)), ILicences.OfferStatus.None)
        );
        _buy(buyer.addr, bytes32(uint256(5)));
    }
}

contract LicencesBuy_GivenAnOfferOfAPerpetualLicence is LicencesTest {
    bytes32 internal offerId;

    function setUp() public override {
        super.setUp();
        offerId = _offer(_terms(PERPETUAL, false));
    }

    function test_WhenTheListingIsDead_ItRefuses() public {
        vm.prank(owner);
        assets.publish(asset, keccak256("another"), 2);
        vm.expectRevert(abi.encodeWithSelector(ILicences.ListingChanged.selector, asset, LISTING, keccak256("another")));
        _buy(buyer.addr, offerId);
        vm.prank(owner);
        assets.delist(asset);
        vm.expectRevert(abi.encodeWithSelector(ILicences.NotListed.selector, asset));
        _buy(buyer.addr, offerId);
        vm.expectRevert(abi.encodeWithSelector(ILicences.NotListed.selector, asset));
        vm.prank(buyer.addr);
        licences.buy(offerId, bytes32(0), key.addr, 1);
    }

    function test_WhenTheOfferIsOfAFormerOwner_ItRefuses() public {
        _sellAsset(ann);
        vm.prank(ann);
        assets.publish(asset, LISTING, 1);
        vm.expectRevert(abi.encodeWithSelector(ILicences.WrongTenure.selector, asset, 1, 2));
        _buy(buyer.addr, offerId);
        _sellAsset(owner);
        vm.prank(owner);
        assets.publish(asset, LISTING, 1);
        vm.expectRevert(abi.encodeWithSelector(ILicences.WrongTenure.selector, asset, 1, 3));
        _buy(buyer.addr, offerId);
    }

    function test_WhenTheBuyerHasNotAllowedThePrice_ItRefuses() public {
        vm.prank(buyer.addr);
        token.approve(address(licences), PRICE - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(licences), PRICE - 1, PRICE
            )
        );
        _buy(buyer.addr, offerId);
    }
}

contract LicencesBuy_GivenAnOfferOfASubscription is LicencesTest {
    bytes32 internal offerId;

    function setUp() public override {
        super.setUp();
        offerId = _offer(_terms(SUBSCRIPTION, true));
    }

    function _permit(TestToken of_, uint256 amount, uint256 deadlineSec)
        internal
        view
        returns (uint8 v, bytes32 r, bytes32 s)
    {
        return _signPermit(of_, buyer, address(licences), amount, deadlineSec);
    }

    function test_WhenThePurchaseIsSentTwice_ItSellsOnce() public {
        vm.startPrank(buyer.addr);
        bytes32 id = licences.buy(offerId, LISTING, key.addr, 7);
        vm.expectRevert(abi.encodeWithSelector(ILicences.LicenceExists.selector, id));
        licences.buy(offerId, LISTING, address(9), 7);
        licences.refund(id);
        vm.expectRevert(abi.encodeWithSelector(ILicences.LicenceExists.selector, id));
        licences.buy(offerId, LISTING, key.addr, 7);
        vm.stopPrank();
        vm.prank(ann);
        assertTrue(licences.buy(offerId, LISTING, key.addr, 7) != id, "the salt is each buyer's own");
    }

    function test_WhenTheBuyerSignedAPermit_ItNeedsNoApprovalAndNotToBeFirst() public {
        vm.startPrank(buyer.addr);
        token.approve(address(licences), 0);
        (uint8 v, bytes32 r, bytes32 s) = _permit(token, PRICE, block.timestamp);
        bytes32 id = licences.buyWithPermit(offerId, LISTING, key.addr, 1, block.timestamp, v, r, s);
        assertTrue(licences.isValid(id));
        (v, r, s) = _permit(token, PRICE, block.timestamp);
        token.permit(buyer.addr, address(licences), PRICE, block.timestamp, v, r, s);
        licences.buyWithPermit(offerId, LISTING, key.addr, 2, block.timestamp, v, r, s);
        uint40 until = licences.state(id).validUntilSec + 2 * PERIOD;
        (v, r, s) = _permit(token, 2 * PRICE, block.timestamp);
        licences.renewToWithPermit(id, LISTING, until, 2 * PRICE, block.timestamp, v, r, s);
        assertEq(licences.state(id).validUntilSec, until);
        assertEq(token.allowance(buyer.addr, address(licences)), 0);
        vm.stopPrank();
    }

    function test_WhenThePermitExpiredOrIsOfAnotherTokenOrBuyer_ItRefuses() public {
        vm.prank(buyer.addr);
        token.approve(address(licences), 0);
        bytes memory why =
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(licences), 0, PRICE);
        (uint8 v, bytes32 r, bytes32 s) = _permit(token, PRICE, block.timestamp - 1);
        vm.expectRevert(why);
        vm.prank(buyer.addr);
        licences.buyWithPermit(offerId, LISTING, key.addr, 1, block.timestamp - 1, v, r, s);
        (v, r, s) = _permit(new TestToken(), PRICE, block.timestamp);
        vm.expectRevert(why);
        vm.prank(buyer.addr);
        licences.buyWithPermit(offerId, LISTING, key.addr, 1, block.timestamp, v, r, s);
        (v, r, s) = _permit(token, PRICE, block.timestamp);
        vm.expectRevert(why);
        vm.prank(makeAddr("thief"));
        licences.buyWithPermit(offerId, LISTING, key.addr, 1, block.timestamp, v, r, s);
    }
}
