// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILicences} from "../../src/interfaces/ILicences.sol";
import {LicencesTest} from "../support/LicencesTest.sol";
import {SignedUse} from "../support/SignedUse.sol";
import {Signed} from "../support/WeftTest.sol";

contract LicencesClaim_GivenAPass is LicencesTest {
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = _sold(PASS, true);
    }

    function test_WhenTheOperatorClaimsFewerCallsThanWereSigned_ItCountsThose() public {
        vm.expectEmit(address(licences));
        emit ILicences.Counted(id, 10);
        vm.expectEmit(address(licences));
        emit ILicences.Earned(id, asset, 1, PRICE / 10);
        vm.prank(operator.addr);
        licences.claim(_use(id, 10, 25));
        assertEq(licences.state(id).uses, 10);
    }

    function test_WhenTheCallsAreNotEarned_ItSkips() public {
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

    function test_T1_T2_T3_WhenTheSignatureIsForElsewhereOrMalleable_ItSkips() public {
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

    function test_T17_WhenABatchHasBadEntries_ItSkipsThemAndCountsTheOthers() public {
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

    function test_WhenTheAssetIsSold_ItLeavesTheClaimToTheSeller() public {
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
}

contract LicencesClaim_GivenAPass_GivenNoSigner is LicencesTest {
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = _soldWithoutSigner(PASS, true);
    }

    function test_WhenTheSignatureRecoversToNobody_ItSkips() public {
        ILicences.Claim[] memory claims = _use(id, 5, 5);
        (claims[0].r, claims[0].vs) = (0, 0);
        _expectSkip(claims, operator.addr, ILicences.SkipReason.BadSignature);
    }
}

contract LicencesClaim_GivenPassesOfOtherTerms is LicencesTest {
    function testFuzz_WhenCallsAreCharged_ItEarnsByThem(uint64 first, uint64 second, uint96 price, uint64 calls)
        public
    {
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

    function test_WhenAPassNeverLapses_ItIsCountedForEver() public {
        ILicences.Offer memory o = _terms(PASS, false);
        o.spanSec = 0;
        bytes32 id = _buy(buyer.addr, _offer(o));
        vm.warp(block.timestamp + 1000 * 366 days);
        assertTrue(licences.isValid(id));
        _claimUses(id, CALLS);
        assertFalse(licences.isValid(id));
        assertEq(licences.due(asset, 1), 0);
    }

    function test_T18_WhenPriceAndCallsAreTheLargest_ItCountsThemExactly() public {
        ILicences.Offer memory o = _terms(PASS, true);
        (o.price, o.calls) = (type(uint96).max, type(uint64).max);
        bytes32 offerId = _offer(o);
        token.mint(buyer.addr, type(uint96).max);
        bytes32 id = _buy(buyer.addr, offerId);
        _claimUses(id, type(uint64).max);
        assertEq(_push(id), type(uint96).max);
        assertEq(_held(), 0);
    }
}
