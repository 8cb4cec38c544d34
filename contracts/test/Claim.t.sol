// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../src/Escrow.sol";
import {IEscrow} from "../src/interfaces/IEscrow.sol";
import {Signed, WeftTest} from "./support/WeftTest.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// A signer that says yes to everything, as ERC-1271 would have it.
contract YesSigner {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return 0x1626ba7e;
    }
}

/// Given an open channel and vouchers, when somebody claims.
contract ClaimTest is WeftTest {
    IEscrow.Terms internal t;
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        (t, id) = _opened(1000);
    }

    function test_claim_paysWhatWasEarnedIntoTheTenuresIncome() public {
        vm.expectEmit(address(escrow));
        emit IEscrow.Claimed(id, asset, 1, 300, 300);
        IEscrow.Claim[] memory claims = _one(_claimOf(t, 300, 450));
        vm.prank(operator.addr);
        escrow.claim(claims);
        _assertChannel(id, 1000, 300, IEscrow.Status.Open);
        assertEq(_income(asset, 1), 300);
    }

    function test_T4_claim_addsOnlyTheDifferenceToTheClaimBefore() public {
        _claim(t, 300);
        vm.expectEmit(address(escrow));
        emit IEscrow.Claimed(id, asset, 1, 150, 450);
        _claim(t, 450);
        assertEq(_income(asset, 1), 450);
    }

    function test_T4_claim_ofTheSameVoucherTwicePaysOnce() public {
        _claim(t, 300);
        _expectSkip(operator.addr, _claimOf(t, 300), IEscrow.SkipReason.NothingNew);
        _expectSkip(operator.addr, _claimOf(t, 299), IEscrow.SkipReason.NothingNew);
        _expectSkip(operator.addr, _claimOf(t, 0), IEscrow.SkipReason.NothingNew);
        IEscrow.Claim[] memory twice = new IEscrow.Claim[](2);
        twice[0] = twice[1] = _claimOf(t, 400);
        vm.prank(operator.addr);
        escrow.claim(twice);
        assertEq(_income(asset, 1), 400);
    }

    function testFuzz_I2_claim_neverPaysAboveVoucherOrDeposit(uint256 amount, uint256 cumulative) public {
        if (amount % 2 == 0) (amount, cumulative) = (amount % 1100, cumulative % 1100); // near the limits as often as far
        // Vouchers are signed over 96 bits; wider ones are tried with a fitting signature all the same.
        IEscrow.Claim memory entry = _claimOf(t, amount, cumulative);
        bool fits = amount != 0 && amount <= cumulative && amount <= 1000;
        vm.prank(operator.addr);
        escrow.claim(_one(entry));
        assertEq(_claimed(id), fits ? amount : 0);
        assertEq(_income(asset, 1), fits ? amount : 0);
    }

    function test_T10_claim_refusesWhatTheChannelDoesNotHold() public {
        _expectSkip(operator.addr, _claimOf(t, 1001), IEscrow.SkipReason.AboveDeposit);
        _expectSkip(operator.addr, _claimOf(t, 301, 300), IEscrow.SkipReason.AboveVoucher);
        _claim(t, 1000);
        assertEq(_claimed(id), 1000);
    }

    function test_T18_claim_ofTheLargestNumbersIsSkippedAndStopsNobody() public {
        IEscrow.Claim[] memory claims = new IEscrow.Claim[](3);
        claims[0] = _claimOf(t, type(uint256).max);
        claims[1] = _claimOf(t, uint256(type(uint96).max) + 1 + 300, type(uint256).max);
        claims[2] = _claimOf(t, 300);
        vm.prank(operator.addr);
        escrow.claim(claims);
        assertEq(_income(asset, 1), 300);
    }

    function test_T1_claim_refusesAVoucherOfAnotherChannel() public {
        IEscrow.Claim memory entry = _claimOf(t, 300);
        IEscrow.Terms memory other = _terms(2);
        _open(other, 1000);
        entry.terms = other;
        _expectSkip(operator.addr, entry, IEscrow.SkipReason.BadSignature);
        // Same salt and signer, another payer.
        other = IEscrow.Terms(stranger, signer.addr, asset, 1, t.salt);
        _open(other, 1000);
        entry.terms = other;
        _expectSkip(operator.addr, entry, IEscrow.SkipReason.BadSignature);
        // Another asset of the same operator.
        other = IEscrow.Terms(payer, signer.addr, _mint(owner, operator.addr), 1, t.salt);
        _open(other, 1000);
        entry.terms = other;
        _expectSkip(operator.addr, entry, IEscrow.SkipReason.BadSignature);
    }

    function test_T1_claim_refusesAVoucherWithAnyFieldChanged() public {
        IEscrow.Claim memory entry = _claimOf(t, 300);
        entry.commitment = keccak256("another call");
        _expectSkip(operator.addr, entry, IEscrow.SkipReason.BadSignature);
        entry = _claimOf(t, 300);
        entry.cumulative = 301;
        _expectSkip(operator.addr, entry, IEscrow.SkipReason.BadSignature);
    }

    function testFuzz_T2_claim_refusesVouchersOfAnotherChainOrContract(uint64 chainId, address twin) public {
        bool same = chainId == block.chainid && twin == address(escrow);
        bytes32 hash = Signed.hashVoucher(id, 300, COMMITMENT);
        (bytes32 r, bytes32 vs) = _compact(signer.privateKey, Signed.digest(chainId, twin, hash));
        vm.assume(!same);
        IEscrow.Claim memory entry = IEscrow.Claim(t, 300, 300, COMMITMENT, r, vs);
        _expectSkip(operator.addr, entry, IEscrow.SkipReason.BadSignature);
    }

    function test_T2_claim_refusesVouchersForATwinOnTheSameChain() public {
        Escrow twin = new Escrow(IERC20(address(token)), assets, WINDOW, governance);
        IEscrow.Claim memory entry = _claimOf(t, 300);
        vm.expectEmit(address(twin));
        emit IEscrow.Skipped(twin.channelIdOf(t), IEscrow.SkipReason.NotOpen);
        vm.prank(operator.addr);
        twin.claim(_one(entry));
    }

    function test_T2_afterAForkOldVouchersAreVoidAndTheMoneyIsStillReachable() public {
        IEscrow.Claim memory entry = _claimOf(t, 300);
        vm.chainId(777);
        vm.expectEmit(address(escrow));
        emit IEscrow.Skipped(id, IEscrow.SkipReason.BadSignature);
        vm.prank(operator.addr);
        escrow.claim(_one(entry));
        // New vouchers for the same channel, under the new chain's domain, are good.
        (entry.r, entry.vs) = _signVoucher(signer.privateKey, id, 300);
        vm.prank(operator.addr);
        escrow.claim(_one(entry));
        assertEq(_claimed(id), 300);
        vm.warp(block.timestamp + SPAN + WINDOW);
        escrow.reclaim(_one(t));
        assertEq(escrow.balances(payer), 1_000_000 - 300);
    }

    function test_T3_claim_refusesTheHighTwinOfASignature() public {
        IEscrow.Claim memory entry = _claimOf(t, 300);
        uint256 s = uint256(entry.vs) & (type(uint256).max >> 1);
        uint256 parity = uint256(entry.vs) >> 255;
        entry.vs = bytes32((ORDER - s) | ((1 - parity) << 255));
        _expectSkip(operator.addr, entry, IEscrow.SkipReason.BadSignature);
        entry.vs = bytes32(s | ((1 - parity) << 255));
        _expectSkip(operator.addr, entry, IEscrow.SkipReason.BadSignature);
    }

    function testFuzz_T3_claim_refusesAnyOtherBytes(bytes32 r, bytes32 vs) public {
        IEscrow.Claim memory entry = _claimOf(t, 300);
        vm.assume(r != entry.r || vs != entry.vs);
        (entry.r, entry.vs) = (r, vs);
        _expectSkip(operator.addr, entry, IEscrow.SkipReason.BadSignature);
        (entry.r, entry.vs) = (0, 0);
        _expectSkip(operator.addr, entry, IEscrow.SkipReason.BadSignature);
    }

    function testFuzz_I4_claim_refusesEveryKeyButTheChannelsSigner(uint256 key) public {
        key = bound(key, 1, ORDER - 1);
        vm.assume(key != signer.privateKey);
        IEscrow.Claim memory entry = _claimOf(t, 300);
        (entry.r, entry.vs) = _signVoucher(key, id, 300);
        _expectSkip(operator.addr, entry, IEscrow.SkipReason.BadSignature);
    }

    function test_T19_claim_asksNoContractForASignature() public {
        IEscrow.Terms memory other = _terms(2);
        other.signer = address(new YesSigner());
        _open(other, 500);
        _expectSkip(operator.addr, _claimOf(other, 300), IEscrow.SkipReason.BadSignature);
        vm.warp(block.timestamp + SPAN + WINDOW);
        escrow.reclaim(_one(other));
        assertEq(escrow.balances(payer), 1_000_000 - 1000);
    }

    function test_T9_claim_isTheOperatorsAlone() public {
        IEscrow.Claim memory entry = _claimOf(t, 300);
        address[5] memory others = [stranger, payer, owner, signer.addr, address(0)];
        for (uint256 i; i < others.length; ++i) {
            _expectSkip(others[i], entry, IEscrow.SkipReason.NotOperator);
        }
    }

    function test_T9_claim_isNotForTheOperatorOfAnotherAsset() public {
        _mint(owner, stranger);
        _expectSkip(stranger, _claimOf(t, 300), IEscrow.SkipReason.NotOperator);
        // Nor does standing beside a good entry help.
        uint64 theirs = _mint(stranger, stranger);
        IEscrow.Terms memory own = IEscrow.Terms(payer, signer.addr, theirs, 1, 9);
        _open(own, 50);
        IEscrow.Claim[] memory claims = new IEscrow.Claim[](3);
        (claims[0], claims[1], claims[2]) = (_claimOf(own, 20), _claimOf(t, 300), _claimOf(own, 50));
        vm.prank(stranger);
        escrow.claim(claims);
        assertEq(_claimed(id), 0);
        assertEq(_income(theirs, 1), 50);
    }

    function test_claim_passesToTheNewOperatorWhenOneIsNamed() public {
        vm.prank(owner);
        assets.setOperator(asset, stranger);
        _expectSkip(operator.addr, _claimOf(t, 300), IEscrow.SkipReason.NotOperator);
        vm.prank(stranger);
        escrow.claim(_one(_claimOf(t, 300)));
        assertEq(_claimed(id), 300);
    }

    function test_claim_afterASaleStaysTheSellers() public {
        vm.prank(owner);
        assets.transferFrom(owner, stranger, asset);
        // The buyer and his operator get nothing of it.
        vm.prank(stranger);
        assets.setOperator(asset, address(0xB0B));
        _expectSkip(stranger, _claimOf(t, 300), IEscrow.SkipReason.NotOperator);
        _expectSkip(address(0xB0B), _claimOf(t, 300), IEscrow.SkipReason.NotOperator);
        // The seller's operator goes on, and the seller may claim himself.
        _claim(t, 300);
        IEscrow.Claim[] memory claims = _one(_claimOf(t, 400));
        vm.prank(owner);
        escrow.claim(claims);
        assertEq(_income(asset, 1), 400);
        assertEq(_income(asset, 2), 0);
        revenue.release(asset, 1);
        assertEq(revenue.balances(owner), 400);
    }

    function test_claim_afterASaleIsNotForAKeyThatWasRemovedBefore() public {
        vm.startPrank(owner);
        assets.setOperator(asset, address(0));
        assets.transferFrom(owner, stranger, asset);
        vm.stopPrank();
        _expectSkip(operator.addr, _claimOf(t, 300), IEscrow.SkipReason.NotOperator);
    }

    function test_T6_claim_endsWithTheSecondBeforeTheRelease() public {
        uint256 release = escrow.channel(id).expiresAtSec + WINDOW;
        vm.warp(release - 1);
        _claim(t, 300);
        assertEq(_claimed(id), 300);
        vm.warp(release);
        _expectSkip(operator.addr, _claimOf(t, 400), IEscrow.SkipReason.Released);
    }

    function testFuzz_T8_claimAndReclaimNeverBothSucceedInAnyOrder(uint40 time, bool payerFirst) public {
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

    function test_T17_claim_skipsBadEntriesAndPaysTheOthers() public {
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

    function test_T17_claim_refusesMoreThanTheCapAndTheCapFitsABlock() public {
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

    function test_T9_claim_forASoldTenureOpensNoWayIntoTheNext() public {
        vm.prank(owner);
        assets.transferFrom(owner, stranger, asset);
        vm.prank(stranger);
        assets.setOperator(asset, address(0xB0B));
        IEscrow.Terms memory next = IEscrow.Terms(payer, signer.addr, asset, 2, 5);
        _open(next, 500);
        // The seller and his operator may claim what was theirs, and nothing that stands beside it.
        address[2] memory sellers = [owner, operator.addr];
        for (uint256 i; i < 2; ++i) {
            IEscrow.Claim[] memory claims = new IEscrow.Claim[](2);
            (claims[0], claims[1]) = (_claimOf(t, 100 + i), _claimOf(next, 70));
            vm.expectEmit(address(escrow));
            emit IEscrow.Skipped(_id(next), IEscrow.SkipReason.NotOperator);
            vm.prank(sellers[i]);
            escrow.claim(claims);
        }
        assertEq(_income(asset, 1), 101);
        assertEq(_income(asset, 2), 0);
    }

    function test_claim_creditsTwoTenuresOfOneAssetApart() public {
        vm.prank(owner);
        assets.transferFrom(owner, stranger, asset);
        vm.prank(stranger);
        assets.setOperator(asset, owner); // who sold it now runs it
        IEscrow.Terms memory next = IEscrow.Terms(payer, signer.addr, asset, 2, 5);
        _open(next, 500);
        IEscrow.Claim[] memory claims = new IEscrow.Claim[](3);
        (claims[0], claims[1], claims[2]) = (_claimOf(t, 100), _claimOf(next, 70), _claimOf(t, 130));
        vm.prank(owner);
        escrow.claim(claims);
        assertEq(_income(asset, 1), 130);
        assertEq(_income(asset, 2), 70);
    }

    function test_claim_ofNothingDoesNothing() public {
        vm.recordLogs();
        vm.prank(operator.addr);
        escrow.claim(new IEscrow.Claim[](0));
        assertEq(vm.getRecordedLogs().length, 0);
    }

    function test_claim_creditsEachTenureItsOwnInWhateverOrder() public {
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

    function test_claim_ofAssetZeroOrTenureZeroIsSkipped() public {
        IEscrow.Terms memory none;
        _expectSkip(operator.addr, _claimOf(none, 1), IEscrow.SkipReason.NotOperator);
        none.asset = asset;
        _expectSkip(operator.addr, _claimOf(none, 1), IEscrow.SkipReason.NotOperator);
    }
}
