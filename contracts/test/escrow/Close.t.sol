// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {ClaimedChannelTest} from "../support/ClaimedChannelTest.sol";
import {Signed} from "../support/WeftTest.sol";
import {Vm} from "forge-std/Vm.sol";

contract EscrowClose_GivenAnOpenChannel is ClaimedChannelTest {
    uint40 internal deadlineSec;

    function setUp() public override {
        super.setUp();
        deadlineSec = uint40(block.timestamp) + 600;
    }

    function _close(address caller, uint96 spent, uint256 key) internal {
        (bytes32 r, bytes32 vs) = _signClose(key, id, spent, deadlineSec);
        vm.prank(caller);
        escrow.close(t, spent, deadlineSec, r, vs);
    }

    function test_WhenThePayerClosesIt_ItPaysWhatWasSpentAndReturnsTheRest() public {
        vm.expectEmit(address(escrow));
        emit IEscrow.Closed(id, payer, 250, 450);
        _close(payer, 550, operator.privateKey);
        _assertChannel(id, 1000, 550, IEscrow.Status.Closed);
        assertEq(_income(asset, 1), 550);
        assertEq(escrow.balances(payer), 1_000_000 - 550);
    }

    function testFuzz_WhenAnyAmountWasSpent_ItConservesEveryUnit(uint96 spent) public {
        spent = uint96(bound(spent, 300, 1000));
        _close(payer, spent, operator.privateKey);
        assertEq(_income(asset, 1) + escrow.balances(payer), 1_000_000);
        assertEq(_income(asset, 1), spent);
    }

    function testFuzz_WhenLessThanClaimedOrMoreThanDepositedWasSpent_ItRefuses(uint96 spent) public {
        vm.assume(spent < 300 || spent > 1000);
        (bytes32 r, bytes32 vs) = _signClose(operator.privateKey, id, spent, deadlineSec);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.BadSpent.selector, id, spent, 300, 1000));
        vm.prank(payer);
        escrow.close(t, spent, deadlineSec, r, vs);
    }

    function testFuzz_T18_WhenTheAmountsAreTheLargest_ItLosesNoUnit(uint96 deposited, uint96 claimed, uint96 spent)
        public
    {
        deposited = uint96(bound(deposited, 1, type(uint96).max));
        _closeOf(2, deposited, uint96(bound(claimed, 0, deposited)), spent);
        _closeOf(3, type(uint96).max, 0, type(uint96).max);
        _closeOf(4, type(uint96).max, type(uint96).max, type(uint96).max);
        _closeOf(5, type(uint96).max, 0, 0);
    }

    function _closeOf(uint64 salt, uint96 deposited, uint96 claimed, uint96 spent) internal {
        spent = uint96(bound(spent, claimed, deposited));
        _fund(payer, deposited);
        (t, id) = (_terms(salt), _open(_terms(salt), deposited));
        if (claimed > 0) _claim(t, claimed);
        uint256 had = escrow.balances(payer);
        uint256 income = _income(asset, 1);
        _close(payer, spent, operator.privateKey);
        _assertChannel(id, deposited, spent, IEscrow.Status.Closed);
        assertEq(escrow.balances(payer), had + (deposited - spent));
        assertEq(_income(asset, 1), income + (spent - claimed));
    }

    function testFuzz_I4_WhenAnotherKeySigned_ItRefuses(uint256 key) public {
        key = bound(key, 1, ORDER - 1);
        vm.assume(key != operator.privateKey);
        (bytes32 r, bytes32 vs) = _signClose(key, id, 550, deadlineSec);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.BadSignature.selector, id));
        vm.prank(payer);
        escrow.close(t, 550, deadlineSec, r, vs);
    }

    function testFuzz_T3_WhenTheSignatureIsAnyOtherBytes_ItRefuses(bytes32 r, bytes32 vs) public {
        vm.expectRevert(abi.encodeWithSelector(IEscrow.BadSignature.selector, id));
        vm.prank(payer);
        escrow.close(t, 550, deadlineSec, r, vs);
    }

    function test_T3_WhenTheSignatureIsAHighTwinOrZero_ItRefuses() public {
        (bytes32 r, bytes32 vs) = _signClose(operator.privateKey, id, 550, deadlineSec);
        uint256 s = uint256(vs) & (type(uint256).max >> 1);
        bytes32 high = bytes32((ORDER - s) | ((1 - (uint256(vs) >> 255)) << 255));
        vm.startPrank(payer);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.BadSignature.selector, id));
        escrow.close(t, 550, deadlineSec, r, high);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.BadSignature.selector, id));
        escrow.close(t, 550, deadlineSec, 0, 0);
    }

    /// An ERC-2098 s has 255 bits, so only a sliver of high values fits. Here is one with a key to which it belongs: the
    /// operator's key is solved for, from the hash, a chosen nonce and a chosen s.
    function test_T3_WhenAHighValueFitsIntoTheCompactForm_ItRefuses() public {
        uint256 high = (ORDER >> 1) + 7;
        bytes32 digest = Signed.digest(block.chainid, address(escrow), Signed.hashClose(id, 550, deadlineSec));
        Vm.Wallet memory nonce = vm.createWallet("nonce");
        uint256 r = nonce.publicKeyX % ORDER;
        uint256 negated = addmod(mulmod(high, nonce.privateKey, ORDER), ORDER - uint256(digest) % ORDER, ORDER);
        uint256 key = mulmod(negated, _power(r, ORDER - 2), ORDER);
        uint256 parity = nonce.publicKeyY & 1;
        assertEq(ecrecover(digest, uint8(27 + parity), bytes32(r), bytes32(high)), vm.addr(key), "not such a signature");
        vm.prank(owner);
        assets.setOperator(asset, vm.addr(key));
        vm.expectRevert(abi.encodeWithSelector(IEscrow.BadSignature.selector, id));
        vm.prank(payer);
        escrow.close(t, 550, deadlineSec, bytes32(r), bytes32(high | (parity << 255)));
        // Its low twin is good.
        vm.prank(payer);
        escrow.close(t, 550, deadlineSec, bytes32(r), bytes32((ORDER - high) | ((1 - parity) << 255)));
    }

    function _power(uint256 base, uint256 exponent) internal pure returns (uint256 result) {
        for (result = 1; exponent != 0; exponent >>= 1) {
            if (exponent & 1 == 1) result = mulmod(result, base, ORDER);
            base = mulmod(base, base, ORDER);
        }
    }

    function test_T1_WhenAnotherChannelAmountOrDeadlineWasSigned_ItRefuses() public {
        IEscrow.Terms memory other = _terms(2);
        bytes32 otherId = _open(other, 1000);
        (bytes32 r, bytes32 vs) = _signClose(operator.privateKey, id, 550, deadlineSec);
        vm.startPrank(payer);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.BadSignature.selector, otherId));
        escrow.close(other, 550, deadlineSec, r, vs);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.BadSignature.selector, id));
        escrow.close(t, 549, deadlineSec, r, vs);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.BadSignature.selector, id));
        escrow.close(t, 550, deadlineSec + 1, r, vs);
    }

    function test_T2_WhenAnotherChainWasSigned_ItRefuses() public {
        bytes32 hash = Signed.hashClose(id, 550, deadlineSec);
        (bytes32 r, bytes32 vs) = _compact(operator.privateKey, Signed.digest(1, address(escrow), hash));
        vm.expectRevert(abi.encodeWithSelector(IEscrow.BadSignature.selector, id));
        vm.prank(payer);
        escrow.close(t, 550, deadlineSec, r, vs);
    }

    function test_WhenTheCallerIsNotThePayer_ItRefuses() public {
        address[4] memory others = [stranger, owner, operator.addr, signer.addr];
        for (uint256 i; i < others.length; ++i) {
            (bytes32 r, bytes32 vs) = _signClose(operator.privateKey, id, 550, deadlineSec);
            vm.expectRevert(abi.encodeWithSelector(IEscrow.NotPayer.selector, id, others[i]));
            vm.prank(others[i]);
            escrow.close(t, 550, deadlineSec, r, vs);
        }
    }

    function test_WhenTheDeadlineHasPassed_ItRefuses() public {
        vm.warp(deadlineSec);
        uint256 snapshot = vm.snapshotState();
        _close(payer, 550, operator.privateKey);
        vm.revertToState(snapshot);
        vm.warp(deadlineSec + 1);
        (bytes32 r, bytes32 vs) = _signClose(operator.privateKey, id, 550, deadlineSec);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.DeadlinePassed.selector, id, deadlineSec));
        vm.prank(payer);
        escrow.close(t, 550, deadlineSec, r, vs);
    }

    function test_WhenTheAssetIsSold_ItTakesTheOperatorOfTheSellerButNoRemovedKey() public {
        uint256 snapshot = vm.snapshotState();
        vm.prank(owner);
        assets.transferFrom(owner, stranger, asset);
        _close(payer, 550, operator.privateKey);
        assertEq(_income(asset, 1), 550);
        vm.revertToState(snapshot);
        vm.prank(owner);
        assets.setOperator(asset, stranger);
        (bytes32 r, bytes32 vs) = _signClose(operator.privateKey, id, 300, deadlineSec);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.BadSignature.selector, id));
        vm.prank(payer);
        escrow.close(t, 300, deadlineSec, r, vs);
    }

    function test_T5_WhenItIsClosed_ItNeverOpensAgainAndItsVouchersAreWorthless() public {
        _close(payer, 300, operator.privateKey);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.ChannelExists.selector, id));
        vm.prank(payer);
        escrow.open(_openEntry(t, 1000, _expiry()));
        _expectSkip(operator.addr, _claimOf(t, 600), IEscrow.SkipReason.NotOpen);
        // The same parties again are another channel.
        IEscrow.Terms memory again = _terms(2);
        _open(again, 1000);
        IEscrow.Claim memory replay = _claimOf(t, 600);
        replay.terms = again;
        _expectSkip(operator.addr, replay, IEscrow.SkipReason.BadSignature);
    }
}
