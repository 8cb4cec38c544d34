// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../src/Escrow.sol";
import {Licences} from "../src/Licences.sol";
import {TestToken} from "../src/TestToken.sol";
import {IEscrow} from "../src/interfaces/IEscrow.sol";
import {ILicences} from "../src/interfaces/ILicences.sol";
import {IRevenue} from "../src/interfaces/IRevenue.sol";
import {
    BlockingToken,
    FalseToken,
    FeeToken,
    HookToken,
    LyingToken,
    PlainToken,
    Reentrant
} from "./support/HostileTokens.sol";
import {SignedUse} from "./support/SignedUse.sol";
import {Signed, WeftTest} from "./support/WeftTest.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Vm} from "forge-std/Vm.sol";

/// Given a listed asset, whose owner offers licences, and a buyer with money.
contract LicencesTest is WeftTest {
    uint40 internal constant PERIOD = 30 days;
    uint96 internal constant PRICE = 3_000_000;
    uint64 internal constant CALLS = 100;
    bytes32 internal constant LISTING = keccak256("a listing");
    ILicences.Kind internal constant SUBSCRIPTION = ILicences.Kind.Subscription;
    ILicences.Kind internal constant PASS = ILicences.Kind.Pass;
    ILicences.Kind internal constant RENTAL = ILicences.Kind.Rental;
    ILicences.Kind internal constant PERPETUAL = ILicences.Kind.Perpetual;

    Licences internal licences;
    Vm.Wallet internal buyer;
    Vm.Wallet internal key;
    address internal ann = makeAddr("ann");
    address internal seller; // the present owner
    uint64 internal salt;

    function setUp() public override {
        super.setUp();
        licences = new Licences(escrow);
        seller = owner;
        buyer = vm.createWallet("buyer");
        key = vm.createWallet("a licence's signer");
        vm.prank(owner);
        assets.publish(asset, LISTING, 1);
        _endow(buyer.addr);
        _endow(ann);
    }

    // Given

    function _endow(address who) internal {
        token.mint(who, 1e15);
        vm.prank(who);
        token.approve(address(licences), type(uint256).max);
    }

    function _terms(ILicences.Kind kind, bool refundable) internal returns (ILicences.Offer memory o) {
        o.asset = asset;
        o.tenure = assets.tenureOf(asset);
        o.kind = kind;
        o.price = PRICE;
        o.spanSec = kind == PERPETUAL ? 0 : PERIOD;
        o.transferable = true;
        o.calls = kind == PASS ? CALLS : 0;
        o.salt = ++salt;
        o.refundable = refundable;
        o.revocable = refundable;
    }

    function _offer(ILicences.Offer memory o) internal returns (bytes32) {
        vm.prank(seller);
        return licences.offer(o);
    }

    function _buy(address who, bytes32 offerId) internal returns (bytes32) {
        vm.prank(who);
        return licences.buy(offerId, LISTING, key.addr, ++salt);
    }

    function _sold(ILicences.Kind kind, bool refundable) internal returns (bytes32 id) {
        return _buy(buyer.addr, _offer(_terms(kind, refundable)));
    }

    function _use(bytes32 id, uint256 uses, uint256 signedUses) internal view returns (ILicences.Claim[] memory list) {
        list = new ILicences.Claim[](1);
        bytes32 hash = SignedUse.hashUse(id, signedUses, COMMITMENT);
        (bytes32 r, bytes32 vs) = _compact(key.privateKey, Signed.digest(block.chainid, address(escrow), hash));
        list[0] = ILicences.Claim(id, uses, signedUses, COMMITMENT, r, vs);
    }

    function _claimUses(bytes32 id, uint256 uses) internal {
        ILicences.Claim[] memory claims = _use(id, uses, uses);
        vm.prank(operator.addr);
        licences.claim(claims);
    }

    function _signCount(uint256 by, bytes32 id, uint64 uses, uint16 number, uint40 deadlineSec)
        internal
        view
        returns (bytes32 r, bytes32 vs)
    {
        bytes32 hash = SignedUse.hashCount(id, uses, number, deadlineSec);
        return _compact(by, Signed.digest(block.chainid, address(escrow), hash));
    }

    function _seal(bytes32 id, uint64 uses) internal {
        ILicences.State memory s = licences.state(id);
        uint40 deadlineSec = uint40(block.timestamp);
        (bytes32 r, bytes32 vs) = _signCount(operator.privateKey, id, uses, s.signerNumber, deadlineSec);
        vm.prank(s.holder);
        licences.seal(id, uses, deadlineSec, r, vs);
    }

    function _list(bytes32 id) internal pure returns (bytes32[] memory list) {
        list = new bytes32[](1);
        list[0] = id;
    }

    function _push(bytes32 id) internal returns (uint256) {
        ILicences.State memory s = licences.state(id);
        return licences.push(s.asset, s.tenure, _list(id));
    }

    function _held() internal view returns (uint256) {
        return token.balanceOf(address(licences));
    }

    function _sellAsset(address to) internal {
        vm.prank(seller);
        assets.transferFrom(seller, to, asset);
        seller = to;
    }

    function _expectSkip(ILicences.Claim[] memory claims, address caller, ILicences.SkipReason reason) internal {
        bytes32 before = keccak256(abi.encode(licences.state(claims[0].licenceId), licences.due(asset, 1)));
        vm.expectEmit(address(licences));
        emit ILicences.Skipped(claims[0].licenceId, reason);
        vm.prank(caller);
        licences.claim(claims);
        bytes32 afterwards = keccak256(abi.encode(licences.state(claims[0].licenceId), licences.due(asset, 1)));
        assertEq(afterwards, before, "a skipped claim changed something");
    }

    // Offer

    function test_offer_isNamedByItsTermsAndNeverChanges() public {
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

    function testFuzz_offer_isThePresentOwnersAlone(address caller) public {
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

    function test_offer_isOfThePresentTenure() public {
        ILicences.Offer memory o = _terms(PASS, false);
        o.tenure = 2;
        vm.expectRevert(abi.encodeWithSelector(ILicences.WrongTenure.selector, asset, 2, 1));
        _offer(o);
        (o.asset, o.tenure) = (99, 0);
        vm.expectRevert(abi.encodeWithSelector(ILicences.WrongTenure.selector, 99, 0, 0));
        _offer(o);
    }

    function test_offer_refusesTermsThatDoNotFit() public {
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

    function test_withdrawOffer_sellsNoMoreAndLetsWhatWasSoldRun() public {
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

    // Buy

    function test_buy_tellsAPaywallEverythingInOneCall() public {
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

    function test_buy_whatCannotBeRefundedIsPaidAtOnceLessTheFee() public {
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

    function test_buy_sentTwiceSellsOnce() public {
        bytes32 offerId = _offer(_terms(SUBSCRIPTION, true));
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

    function test_buy_refusesADeadListing() public {
        bytes32 offerId = _offer(_terms(PERPETUAL, false));
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

    function test_buy_refusesAnOfferOfAFormerOwner() public {
        bytes32 offerId = _offer(_terms(PERPETUAL, false));
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

    function test_buy_refusesAnOfferThatNeverWas() public {
        vm.expectRevert(
            abi.encodeWithSelector(ILicences.OfferNotOpen.selector, bytes32(uint256(5)), ILicences.OfferStatus.None)
        );
        _buy(buyer.addr, bytes32(uint256(5)));
    }

    function test_buy_refusesWhoHasNotAllowedThePrice() public {
        bytes32 offerId = _offer(_terms(PERPETUAL, false));
        vm.prank(buyer.addr);
        token.approve(address(licences), PRICE - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(licences), PRICE - 1, PRICE
            )
        );
        _buy(buyer.addr, offerId);
    }

    // Permit

    function _permit(TestToken of_, uint256 amount, uint256 deadlineSec)
        internal
        view
        returns (uint8 v, bytes32 r, bytes32 s)
    {
        return _signPermit(of_, buyer, address(licences), amount, deadlineSec);
    }

    function test_buyWithPermit_needsNoApprovalAndNotToBeFirst() public {
        bytes32 offerId = _offer(_terms(SUBSCRIPTION, true));
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

    function test_buyWithPermit_refusesOneThatExpiredOrIsOfAnotherTokenOrBuyer() public {
        bytes32 offerId = _offer(_terms(SUBSCRIPTION, true));
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

    // By time

    function testFuzz_push_paysWhatTimeHasEarnedAndNoMore(uint40 first, uint40 second, uint96 price) public {
        ILicences.Offer memory o = _terms(SUBSCRIPTION, true);
        o.price = uint96(bound(price, 1, 1e15));
        bytes32 id = _buy(buyer.addr, _offer(o));
        (first, second) = (uint40(bound(first, 0, PERIOD)), uint40(bound(second, 0, 2 * PERIOD)));
        uint256 start = block.timestamp;
        vm.warp(start + first);
        uint256 due = uint256(o.price) * first / PERIOD;
        assertEq(licences.state(id).earned, due);
        vm.prank(stranger);
        assertEq(_push(id), due);
        assertEq(revenue.balances(owner), due);
        assertEq(_push(id), 0);
        vm.warp(start + first + second);
        _push(id);
        uint256 ran = first + second < PERIOD ? first + second : PERIOD;
        assertEq(revenue.balances(owner), uint256(o.price) * ran / PERIOD);
        assertEq(_held(), o.price - revenue.balances(owner));
    }

    function test_push_paysTheTenureThatSold() public {
        bytes32 id = _sold(RENTAL, true);
        vm.warp(block.timestamp + PERIOD / 3);
        _sellAsset(ann);
        assertTrue(licences.isValid(id), "licences live on");
        vm.warp(block.timestamp + PERIOD);
        assertEq(_push(id), PRICE);
        assertEq(revenue.balances(owner), PRICE);
        assertEq(revenue.balances(ann), 0);
    }

    function test_push_refusesLicencesOfAnotherTenure() public {
        bytes32 id = _sold(RENTAL, true);
        vm.expectRevert(abi.encodeWithSelector(ILicences.NotOfTenure.selector, id, asset, 2));
        licences.push(asset, 2, _list(id));
        vm.expectRevert(abi.encodeWithSelector(ILicences.NotOfTenure.selector, bytes32(uint256(3)), asset, 1));
        licences.push(asset, 1, _list(bytes32(uint256(3))));
    }

    function test_expiry_takesEffectInItsSecond() public {
        bytes32 id = _sold(SUBSCRIPTION, true);
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

    function testFuzz_refund_paysBackWhatHasNotRunOff(uint40 ran) public {
        ran = uint40(bound(ran, 0, PERIOD - 1));
        bytes32 id = _sold(SUBSCRIPTION, true);
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

    function testFuzz_I4_onlyTheHolderRefundsSealsAndNamesTheSigner(address caller) public {
        vm.assume(caller != buyer.addr);
        bytes32 id = _sold(PASS, true);
        bytes memory why = abi.encodeWithSelector(ILicences.NotHolder.selector, id, caller);
        vm.startPrank(caller);
        vm.expectRevert(why);
        licences.refund(id);
        vm.expectRevert(why);
        licences.seal(id, 0, uint40(block.timestamp), 0, 0);
        vm.expectRevert(why);
        licences.setSigner(id, caller);
        vm.stopPrank();
    }

    function test_withdraw_paysOutTheCallersRefundsOnly() public {
        bytes32 id = _sold(SUBSCRIPTION, true);
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

    // Revocation

    function test_revoke_isTheSellersAloneAndPaysBackTheRest() public {
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

    function test_revoke_needsAnOfferThatSaidSo() public {
        ILicences.Offer memory o = _terms(SUBSCRIPTION, true);
        o.revocable = false;
        bytes32 id = _buy(buyer.addr, _offer(o));
        vm.expectRevert(abi.encodeWithSelector(ILicences.NotRevocable.selector, id));
        vm.prank(owner);
        licences.revoke(id);
    }

    // Renewal

    function test_renewTo_extendsFromThePresentEndByAnyoneAndOnlyOnce() public {
        bytes32 id = _sold(SUBSCRIPTION, true);
        uint40 until = licences.state(id).validUntilSec;
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

    function test_renewTo_boundsTheEnd() public {
        bytes32 id = _sold(SUBSCRIPTION, true);
        uint40 until = licences.state(id).validUntilSec;
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

    function test_renewTo_isForSubscriptionsOnSaleAlone() public {
        ILicences.Kind[3] memory others = [PASS, RENTAL, PERPETUAL];
        for (uint256 i; i < others.length; ++i) {
            bytes32 other = _sold(others[i], false);
            vm.expectRevert(abi.encodeWithSelector(ILicences.NotRenewable.selector, other));
            licences.renewTo(other, LISTING, uint40(block.timestamp) + 2 * PERIOD);
        }
        bytes32 id = _sold(SUBSCRIPTION, true);
        uint40 until = licences.state(id).validUntilSec + PERIOD;
        vm.prank(owner);
        assets.delist(asset);
        vm.expectRevert(abi.encodeWithSelector(ILicences.NotListed.selector, asset));
        vm.prank(buyer.addr);
        licences.renewTo(id, LISTING, until);
        _sellAsset(ann);
        vm.expectRevert(abi.encodeWithSelector(ILicences.WrongTenure.selector, asset, 1, 2));
        vm.prank(buyer.addr);
        licences.renewTo(id, LISTING, until);
    }

    // Rental

    function test_exclusive_noOtherRentalBeginsWhileOneRuns() public {
        ILicences.Offer memory o = _terms(RENTAL, true);
        o.exclusive = true;
        bytes32 offerId = _offer(o);
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

    function test_exclusive_endsWithARefundOrRevocation() public {
        ILicences.Offer memory o = _terms(RENTAL, true);
        o.exclusive = true;
        bytes32 offerId = _offer(o);
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

    // Pass

    function testFuzz_claim_earnsByTheCallsCharged(uint64 first, uint64 second, uint96 price, uint64 calls) public {
        ILicences.Offer memory o = _terms(PASS, true);
        (o.price, o.calls) = (uint96(bound(price, 1, 1e15)), uint64(bound(calls, 2, type(uint64).max)));
        bytes32 id = _buy(buyer.addr, _offer(o));
        first = uint64(bound(first, 1, o.calls - 1));
        second = uint64(bound(second, first + 1, o.calls));
        _claimUses(id, first);
        assertEq(licences.due(asset, 1), uint256(o.price) * first / o.calls);
        assertEq(licences.state(id).callsLeft, o.calls - first);
        _push(id);
        _claimUses(id, second);
        _push(id);
        assertEq(revenue.balances(owner), uint256(o.price) * second / o.calls);
        assertEq(_held(), o.price - revenue.balances(owner));
        assertEq(licences.isValid(id), second < o.calls);
    }

    function test_claim_ofFewerCallsThanWereSigned() public {
        bytes32 id = _sold(PASS, true);
        vm.expectEmit(address(licences));
        emit ILicences.Counted(id, 10);
        vm.expectEmit(address(licences));
        emit ILicences.Earned(id, asset, 1, PRICE / 10);
        vm.prank(operator.addr);
        licences.claim(_use(id, 10, 25));
        assertEq(licences.state(id).uses, 10);
    }

    function test_claim_skipsWhatIsNotEarned() public {
        bytes32 id = _sold(PASS, true);
        _claimUses(id, 10);
        _expectSkip(_use(id, 10, 20), operator.addr, ILicences.SkipReason.NothingNew);
        _expectSkip(_use(id, 9, 20), operator.addr, ILicences.SkipReason.NothingNew);
        _expectSkip(_use(id, 21, 20), operator.addr, ILicences.SkipReason.AboveSigned);
        _expectSkip(_use(id, 101, 101), operator.addr, ILicences.SkipReason.AboveCalls);
        _expectSkip(_use(id, uint256(1) << 64, type(uint256).max), operator.addr, ILicences.SkipReason.AboveCalls);
        _expectSkip(_use(id, 20, 20), stranger, ILicences.SkipReason.NotOperator);
        _expectSkip(_use(id, 20, 20), owner, ILicences.SkipReason.NotOperator);
        _expectSkip(_use(bytes32(uint256(1)), 20, 20), operator.addr, ILicences.SkipReason.NotRunning);
        _expectSkip(_use(_sold(RENTAL, true), 20, 20), operator.addr, ILicences.SkipReason.NotAPass);
        vm.warp(block.timestamp + PERIOD + WINDOW);
        _expectSkip(_use(id, 20, 20), operator.addr, ILicences.SkipReason.Released);
        vm.warp(block.timestamp - 1);
        _claimUses(id, 20);
        assertEq(licences.state(id).uses, 20);
    }

    function test_T17_claim_aBadEntryCostsTheOthersNothing() public {
        bytes32 id = _sold(PASS, true);
        ILicences.Claim[] memory claims = new ILicences.Claim[](3);
        claims[0] = _use(id, 101, 101)[0];
        claims[1] = _use(id, 30, 30)[0];
        claims[2] = _use(bytes32(0), 1, 1)[0];
        vm.prank(operator.addr);
        licences.claim(claims);
        assertEq(licences.state(id).uses, 30);
        bytes memory why = abi.encodeWithSelector(ILicences.BatchTooLarge.selector, 101, 100);
        vm.expectRevert(why);
        licences.claim(new ILicences.Claim[](101));
        vm.expectRevert(why);
        licences.reclaim(new bytes32[](101));
        vm.expectRevert(why);
        licences.push(asset, 1, new bytes32[](101));
    }

    function test_T1_T2_T3_claim_refusesSignaturesForElsewhereAndMalleableOnes() public {
        bytes32 id = _sold(PASS, true);
        bytes32 other = _sold(PASS, true);
        ILicences.Claim[] memory claims = _use(id, 5, 5);
        ILicences.SkipReason bad = ILicences.SkipReason.BadSignature;
        claims[0].licenceId = other;
        _expectSkip(claims, operator.addr, bad);
        claims = _use(id, 5, 5);
        claims[0].signedUses = 6;
        _expectSkip(claims, operator.addr, bad);
        claims = _use(id, 5, 5);
        claims[0].commitment ^= bytes32(uint256(1));
        _expectSkip(claims, operator.addr, bad);
        claims = _use(id, 5, 5);
        claims[0].vs ^= bytes32(uint256(1) << 255);
        _expectSkip(claims, operator.addr, bad);
        claims = _use(id, 5, 5);
        uint256 s = uint256(claims[0].vs) & (type(uint256).max >> 1);
        claims[0].vs = bytes32((ORDER - s) | (uint256(claims[0].vs) & (1 << 255) ^ (1 << 255)));
        _expectSkip(claims, operator.addr, bad);
        (claims[0].r, claims[0].vs) = (0, 0);
        _expectSkip(claims, operator.addr, bad);
        bytes32 hash = SignedUse.hashUse(id, 5, COMMITMENT);
        (claims[0].r, claims[0].vs) = _compact(key.privateKey, Signed.digest(block.chainid, address(licences), hash));
        _expectSkip(claims, operator.addr, bad);
        claims = _use(id, 5, 5);
        uint256 home = block.chainid;
        vm.chainId(home + 1);
        _expectSkip(claims, operator.addr, bad);
        claims = _use(id, 5, 5);
        vm.prank(operator.addr);
        licences.claim(claims);
        assertEq(licences.state(id).uses, 5, "after a fork of the chain its own signatures hold");
    }

    function test_claim_ofASealedPassWithASignatureThatRecoversToNobody() public {
        bytes32 offerId = _offer(_terms(PASS, true));
        vm.prank(buyer.addr);
        bytes32 id = licences.buy(offerId, LISTING, address(0), 1);
        ILicences.Claim[] memory claims = _use(id, 5, 5);
        (claims[0].r, claims[0].vs) = (0, 0);
        _expectSkip(claims, operator.addr, ILicences.SkipReason.BadSignature);
    }

    function test_claim_afterTheAssetsSaleIsTheSellers() public {
        bytes32 id = _sold(PASS, true);
        _sellAsset(ann);
        vm.prank(ann);
        assets.setOperator(asset, address(0xB0B));
        _expectSkip(_use(id, 5, 5), address(0xB0B), ILicences.SkipReason.NotOperator);
        _expectSkip(_use(id, 5, 5), ann, ILicences.SkipReason.NotOperator);
        _claimUses(id, 5);
        vm.prank(owner);
        licences.claim(_use(id, 6, 6));
        assertEq(licences.state(id).uses, 6);
    }

    function test_pass_withASignerNeitherMovesNorIsRefundedUncounted() public {
        bytes32 id = _sold(PASS, true);
        bytes memory why = abi.encodeWithSelector(ILicences.CountNeeded.selector, id);
        vm.startPrank(buyer.addr);
        vm.expectRevert(why);
        licences.transferFrom(buyer.addr, ann, uint256(id));
        vm.expectRevert(why);
        licences.refund(id);
        vm.expectRevert(why);
        licences.setSigner(id, address(9));
        vm.stopPrank();
        _seal(id, 40);
        assertEq(licences.due(asset, 1), PRICE * 40 / 100);
        assertEq(licences.state(id).signer, address(0));
        vm.prank(buyer.addr);
        licences.transferFrom(buyer.addr, ann, uint256(id));
        vm.prank(ann);
        licences.refund(id);
        assertEq(licences.refunds(ann), PRICE * 60 / 100);
        assertEq(licences.refunds(buyer.addr), 0);
    }

    function test_pass_thatWasNeverUsedMovesAndIsRefundedFreely() public {
        bytes32 offerId = _offer(_terms(PASS, true));
        vm.prank(buyer.addr);
        bytes32 id = licences.buy(offerId, LISTING, address(0), 1);
        vm.prank(buyer.addr);
        licences.transferFrom(buyer.addr, ann, uint256(id));
        vm.startPrank(ann);
        vm.expectRevert(abi.encodeWithSelector(ILicences.NothingToCount.selector, id));
        licences.seal(id, 0, uint40(block.timestamp), 0, 0);
        licences.refund(id);
        vm.stopPrank();
        assertEq(licences.refunds(ann), PRICE);
    }

    function test_seal_refusesCountsThatDoNotHold() public {
        bytes32 id = _sold(PASS, true);
        _claimUses(id, 10);
        uint40 nowSec = uint40(block.timestamp);
        uint64[2] memory bad = [uint64(9), 101];
        for (uint256 i; i < 2; ++i) {
            (bytes32 r1, bytes32 vs1) = _signCount(operator.privateKey, id, bad[i], 1, nowSec);
            _refusesSeal(
                id, bad[i], nowSec, r1, vs1, abi.encodeWithSelector(ILicences.BadCount.selector, id, bad[i], 10, 100)
            );
        }
        (bytes32 r, bytes32 vs) = _signCount(operator.privateKey, id, 20, 1, nowSec - 1);
        _refusesSeal(
            id, 20, nowSec - 1, r, vs, abi.encodeWithSelector(ILicences.DeadlinePassed.selector, id, nowSec - 1)
        );
        bytes memory badSignature = abi.encodeWithSelector(ILicences.BadSignature.selector, id);
        _refusesSeal(id, 20, nowSec, r, vs, badSignature);
        _refusesSeal(id, 20, nowSec, 0, 0, badSignature);
        (r, vs) = _signCount(buyer.privateKey, id, 20, 1, nowSec);
        _refusesSeal(id, 20, nowSec, r, vs, badSignature);
        (r, vs) = _signCount(operator.privateKey, id, 20, 2, nowSec);
        _refusesSeal(id, 20, nowSec, r, vs, badSignature);
        (r, vs) = _signCount(operator.privateKey, id, 20, 1, nowSec);
        _refusesSeal(id, 20, nowSec, r, vs ^ bytes32(uint256(1) << 255), badSignature);
        vm.chainId(block.chainid + 1);
        _refusesSeal(id, 20, nowSec, r, vs, badSignature);
        vm.chainId(block.chainid - 1);
        vm.prank(owner);
        assets.setOperator(asset, address(0xB0B)); // the key may be a thief's
        _refusesSeal(id, 20, nowSec, r, vs, badSignature);
    }

    function _refusesSeal(bytes32 id, uint64 uses, uint40 deadlineSec, bytes32 r, bytes32 vs, bytes memory why)
        internal
    {
        vm.expectRevert(why);
        vm.prank(buyer.addr);
        licences.seal(id, uses, deadlineSec, r, vs);
    }

    function test_seal_aCountHoldsForOneSignerOnly() public {
        bytes32 id = _sold(PASS, true);
        uint40 deadlineSec = uint40(block.timestamp + 1 hours);
        (bytes32 r, bytes32 vs) = _signCount(operator.privateKey, id, 20, 1, deadlineSec);
        vm.startPrank(buyer.addr);
        licences.seal(id, 20, deadlineSec, r, vs);
        licences.setSigner(id, key.addr);
        vm.expectRevert(abi.encodeWithSelector(ILicences.BadSignature.selector, id));
        licences.seal(id, 20, deadlineSec, r, vs);
        vm.stopPrank();
        _claimUses(id, 35);
        _seal(id, 35);
        assertEq(licences.state(id).signerNumber, 2);
    }

    function test_seal_isForPasses() public {
        bytes32 id = _sold(RENTAL, true);
        vm.expectRevert(abi.encodeWithSelector(ILicences.NothingToCount.selector, id));
        vm.prank(buyer.addr);
        licences.seal(id, 0, uint40(block.timestamp), 0, 0);
    }

    function test_reclaim_givesTheHolderTheRestFromTheReleaseOn() public {
        bytes32 id = _sold(PASS, true);
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

    function test_reclaim_skipsOtherKinds() public {
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

    function test_pass_thatNeverLapsesIsCountedForEver() public {
        ILicences.Offer memory o = _terms(PASS, false);
        o.spanSec = 0;
        bytes32 id = _buy(buyer.addr, _offer(o));
        vm.warp(block.timestamp + 1000 * 366 days);
        assertTrue(licences.isValid(id));
        _claimUses(id, CALLS);
        assertFalse(licences.isValid(id));
        assertEq(licences.due(asset, 1), 0);
    }

    // Transfer and signer

    function test_transfer_takesTheOldHoldersSignerOff() public {
        bytes32 id = _sold(SUBSCRIPTION, true);
        vm.expectEmit(address(licences));
        emit ILicences.SignerSet(id, address(0), 1);
        vm.prank(buyer.addr);
        licences.transferFrom(buyer.addr, ann, uint256(id));
        ILicences.State memory s = licences.state(id);
        assertEq(s.holder, ann);
        assertEq(s.signer, address(0));
        assertTrue(s.valid);
        vm.prank(ann);
        licences.setSigner(id, address(9));
        assertEq(licences.state(id).signer, address(9));
        assertEq(licences.state(id).signerNumber, 2);
    }

    function test_transfer_onlyIfTheSellerSaidSo() public {
        ILicences.Offer memory o = _terms(SUBSCRIPTION, true);
        o.transferable = false;
        bytes32 id = _buy(buyer.addr, _offer(o));
        vm.startPrank(buyer.addr);
        vm.expectRevert(abi.encodeWithSelector(ILicences.NotTransferable.selector, id));
        licences.transferFrom(buyer.addr, ann, uint256(id));
        licences.approve(ann, uint256(id));
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(ILicences.NotTransferable.selector, id));
        vm.prank(ann);
        licences.safeTransferFrom(buyer.addr, ann, uint256(id));
        // What is approved is the token, not the money
        vm.expectRevert(abi.encodeWithSelector(ILicences.NotHolder.selector, id, ann));
        vm.prank(ann);
        licences.refund(id);
    }

    function test_setSigner_refusesNobody() public {
        bytes32 id = _sold(SUBSCRIPTION, true);
        vm.expectRevert(abi.encodeWithSelector(ILicences.ZeroSigner.selector, id));
        vm.prank(buyer.addr);
        licences.setSigner(id, address(0));
        vm.expectRevert(abi.encodeWithSelector(ILicences.NotRunning.selector, bytes32(uint256(1))));
        licences.setSigner(bytes32(uint256(1)), address(9));
    }

    // Tokens

    function test_T15_aDonationGoesToNobody() public {
        bytes32 id = _sold(SUBSCRIPTION, true);
        token.mint(address(licences), 50);
        vm.warp(block.timestamp + PERIOD);
        assertEq(_push(id), PRICE);
        assertEq(_held(), 50);
    }

    function test_T18_largestAmounts() public {
        ILicences.Offer memory o = _terms(PASS, true);
        (o.price, o.calls) = (type(uint96).max, type(uint64).max);
        bytes32 offerId = _offer(o);
        token.mint(buyer.addr, type(uint96).max);
        bytes32 id = _buy(buyer.addr, offerId);
        _claimUses(id, type(uint64).max);
        assertEq(_push(id), type(uint96).max);
        assertEq(_held(), 0);
    }

    function _with(PlainToken hostile) internal returns (bytes32 offerId) {
        token = TestToken(address(hostile));
        escrow = new Escrow(IERC20(address(hostile)), assets, WINDOW, governance);
        revenue = escrow.revenue();
        licences = new Licences(escrow);
        _endow(buyer.addr);
        _endow(ann);
        return _offer(_terms(SUBSCRIPTION, true));
    }

    function test_T12_T14_tokensThatBringLessThanThePriceSellNothing() public {
        bytes32 offerId = _with(new FeeToken());
        vm.expectRevert(abi.encodeWithSelector(ILicences.PriceNotPaid.selector, PRICE - PRICE / 10, PRICE));
        _buy(buyer.addr, offerId);
        offerId = _with(new LyingToken());
        vm.expectRevert(abi.encodeWithSelector(ILicences.PriceNotPaid.selector, 0, PRICE));
        _buy(buyer.addr, offerId);
        offerId = _with(new FalseToken());
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(token)));
        _buy(buyer.addr, offerId);
    }

    function test_T13_aBlockedHolderStopsNobodyAndIsPaidElsewhere() public {
        BlockingToken blocking = new BlockingToken();
        bytes32 offerId = _with(blocking);
        bytes32 id = _buy(buyer.addr, offerId);
        bytes32 other = _buy(ann, offerId);
        blocking.setBlocked(buyer.addr, true);
        vm.prank(owner);
        licences.revoke(id);
        vm.warp(block.timestamp + PERIOD);
        assertEq(_push(other), PRICE);
        vm.prank(buyer.addr);
        licences.withdraw(PRICE, address(0xCAFE));
        assertEq(_held(), 0);
        assertEq(blocking.balanceOf(address(0xCAFE)), PRICE);
    }

    function test_T11_aTokenWithHooksGainsNothingByReentering() public {
        bytes32 offerId = _with(new HookToken());
        _buy(ann, offerId); // others' money
        Reentrant thief = new Reentrant(HookToken(address(token)), address(licences));
        token.mint(address(thief), 10 * PRICE);
        thief.call(address(licences), abi.encodeCall(ILicences.buy, (offerId, LISTING, key.addr, 1)));
        bytes32 first = licences.licenceIdOf(address(thief), offerId, 1);
        thief.call(address(licences), abi.encodeCall(ILicences.refund, (first)));
        bytes[4] memory calls = [
            abi.encodeCall(ILicences.buy, (offerId, LISTING, key.addr, 1000)),
            abi.encodeCall(ILicences.withdraw, (1, address(thief))),
            abi.encodeCall(ILicences.renewTo, (first, LISTING, uint40(block.timestamp) + 2 * PERIOD)),
            abi.encodeCall(ILicences.push, (asset, 1, new bytes32[](0)))
        ];
        for (uint64 i; i < calls.length; ++i) {
            thief.arm(address(licences), calls[i]);
            thief.call(address(licences), abi.encodeCall(ILicences.buy, (offerId, LISTING, key.addr, i + 2)));
            _assertRefused(thief);
            thief.arm(address(licences), calls[i]);
            thief.call(address(licences), abi.encodeCall(ILicences.withdraw, (1, address(thief))));
            _assertRefused(thief);
        }
        // What is not guarded: a refund in the middle of its own purchase.
        bytes32 sixth = licences.licenceIdOf(address(thief), offerId, 6);
        thief.arm(address(licences), abi.encodeCall(ILicences.refund, (sixth)));
        thief.call(address(licences), abi.encodeCall(ILicences.buy, (offerId, LISTING, key.addr, 6)));
        assertTrue(thief.succeeded());
        assertEq(licences.refunds(address(thief)), 2 * uint256(PRICE) - 4);
        assertEq(_held(), 1 * PRICE + 4 * PRICE + licences.refunds(address(thief)));
    }

    function _assertRefused(Reentrant thief) internal view {
        assertFalse(thief.succeeded());
        assertEq(bytes4(thief.answer()), ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
    }
}
