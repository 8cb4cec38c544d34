// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {WeftTest} from "../support/WeftTest.sol";

contract EscrowOpen_GivenAPayerWithABalance is WeftTest {
    function test_WhenHeOpensAChannel_ItMovesBalanceIntoIt() public {
        IEscrow.Terms memory t = _terms();
        uint40 expiresAtSec = _expiry();
        vm.expectEmit(address(escrow));
        emit IEscrow.Opened(_id(t), payer, asset, signer.addr, 1, 1, 400, expiresAtSec);
        vm.prank(payer);
        escrow.open(_openEntry(t, 400, expiresAtSec));
        _assertChannel(_id(t), 400, 0, IEscrow.Status.Open);
        assertEq(escrow.channel(_id(t)).expiresAtSec, expiresAtSec);
        assertEq(escrow.balances(payer), 1_000_000 - 400);
    }

    function testFuzz_WhenAChannelIsNamed_ItIsByTheHashOfItsTerms(address s, uint64 a, uint32 tenure, uint64 salt)
        public
        view
    {
        IEscrow.Terms memory t = IEscrow.Terms(payer, s, a, tenure, salt);
        assertEq(escrow.channelIdOf(t), _id(t));
    }

    function test_WhenHeOpensABatch_ItOpensAllAtOnce() public {
        IEscrow.Open[] memory opens = new IEscrow.Open[](100);
        uint64 other = _mint(owner, operator.addr);
        for (uint64 i; i < 100; ++i) {
            opens[i] = IEscrow.Open(signer.addr, i % 3 == 0 ? other : asset, 1, i, 10 + i, _expiry());
        }
        vm.prank(payer);
        escrow.open(opens);
        for (uint64 i; i < 100; ++i) {
            bytes32 id = _id(IEscrow.Terms(payer, signer.addr, i % 3 == 0 ? other : asset, 1, i));
            _assertChannel(id, 10 + i, 0, IEscrow.Status.Open);
        }
        assertEq(escrow.balances(payer), 1_000_000 - 1000 - 4950);
    }

    function test_WhenOneEntryOfABatchIsBad_ItOpensNone() public {
        IEscrow.Open[] memory opens = new IEscrow.Open[](2);
        opens[0] = IEscrow.Open(signer.addr, asset, 1, 1, 10, _expiry());
        opens[1] = IEscrow.Open(signer.addr, asset, 1, 2, 0, _expiry());
        vm.expectRevert(IEscrow.ZeroAmount.selector);
        vm.prank(payer);
        escrow.open(opens);
        _assertChannel(_id(_terms()), 0, 0, IEscrow.Status.None);
        assertEq(escrow.balances(payer), 1_000_000);
    }

    function test_T17_WhenABatchIsAboveTheCap_ItRefuses() public {
        IEscrow.Open[] memory opens = new IEscrow.Open[](101);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.BatchTooLarge.selector, 101, 100));
        vm.prank(payer);
        escrow.open(opens);
    }

    function test_WhenASaltIsUsedTwice_ItRefuses() public {
        (IEscrow.Terms memory t, bytes32 id) = _opened(400);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.ChannelExists.selector, id));
        vm.prank(payer);
        escrow.open(_openEntry(t, 400, _expiry()));
        IEscrow.Open[] memory twice = new IEscrow.Open[](2);
        twice[0] = twice[1] = _openEntry(_terms(2), 5, _expiry())[0];
        vm.expectRevert(abi.encodeWithSelector(IEscrow.ChannelExists.selector, _id(_terms(2))));
        vm.prank(payer);
        escrow.open(twice);
    }

    function test_I4_WhenTheSignerIsZero_ItRefuses() public {
        IEscrow.Terms memory t = _terms();
        t.signer = address(0);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.ZeroSigner.selector, _id(t)));
        vm.prank(payer);
        escrow.open(_openEntry(t, 400, _expiry()));
    }

    function test_WhenTheTenureIsNotThePresentOrTheAssetUnknown_ItRefuses() public {
        IEscrow.Terms memory t = _terms();
        t.tenure = 2;
        vm.expectRevert(abi.encodeWithSelector(IEscrow.WrongTenure.selector, asset, 2, 1));
        vm.prank(payer);
        escrow.open(_openEntry(t, 400, _expiry()));
        // It is the present tenure that counts, also in the middle of a batch.
        vm.prank(owner);
        assets.transferFrom(owner, stranger, asset);
        IEscrow.Open[] memory opens = new IEscrow.Open[](2);
        opens[0] = IEscrow.Open(signer.addr, asset, 2, 1, 10, _expiry());
        opens[1] = IEscrow.Open(signer.addr, asset, 1, 2, 10, _expiry());
        vm.expectRevert(abi.encodeWithSelector(IEscrow.WrongTenure.selector, asset, 1, 2));
        vm.prank(payer);
        escrow.open(opens);
        for (uint64 unknown; unknown < 100; unknown += 99) {
            for (uint32 tenure; tenure < 2; ++tenure) {
                t = IEscrow.Terms(payer, signer.addr, unknown, tenure, 1);
                vm.expectRevert(abi.encodeWithSelector(IEscrow.WrongTenure.selector, unknown, tenure, 0));
                vm.prank(payer);
                escrow.open(_openEntry(t, 400, _expiry()));
            }
        }
    }

    function test_WhenTheExpiryIsPastOrTooFar_ItRefuses() public {
        uint40 now_ = uint40(block.timestamp);
        uint40 latest = now_ + 90 days;
        uint40[4] memory bad = [uint40(0), now_, latest + 1, type(uint40).max];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IEscrow.BadExpiry.selector, _id(_terms()), bad[i], now_, latest));
            vm.prank(payer);
            escrow.open(_openEntry(_terms(), 400, bad[i]));
        }
        vm.startPrank(payer);
        escrow.open(_openEntry(_terms(1), 400, now_ + 1));
        escrow.open(_openEntry(_terms(2), 400, latest));
    }

    function testFuzz_T10_WhenTheAmountsAreOfAnySize_ItNeverTakesMoreThanTheBalance(uint96 a, uint96 b) public {
        a = uint96(bound(a, 1, type(uint96).max));
        b = uint96(bound(b, 1, type(uint96).max));
        IEscrow.Open[] memory opens = new IEscrow.Open[](2);
        opens[0] = IEscrow.Open(signer.addr, asset, 1, 1, a, _expiry());
        opens[1] = IEscrow.Open(signer.addr, asset, 1, 2, b, _expiry());
        uint256 total = uint256(a) + b;
        if (total > 1_000_000) {
            vm.expectRevert(abi.encodeWithSelector(IEscrow.InsufficientBalance.selector, payer, 1_000_000, total));
        }
        vm.prank(payer);
        escrow.open(opens);
        assertEq(escrow.balances(payer), total > 1_000_000 ? 1_000_000 : 1_000_000 - total);
    }

    function test_T18_WhenTheAmountIsTheLargest_ItHoldsItExactly() public {
        _fund(payer, type(uint256).max - token.totalSupply());
        (IEscrow.Terms memory t, bytes32 id) = _opened(type(uint96).max);
        _assertChannel(id, type(uint96).max, 0, IEscrow.Status.Open);
        _claim(t, type(uint96).max);
        _assertChannel(id, type(uint96).max, type(uint96).max, IEscrow.Status.Open);
        assertEq(_income(asset, 1), type(uint96).max);
    }

    /// Neither those who use a channel nor those who open one pay for what stands beside it.
    function test_T16_WhenTenThousandDustChannelsStandBeside_ItCostsNobodyButTheirOpener() public {
        _gasBeside(1_000_000); // slots that this transaction wrote already are cheaper
        uint256[4] memory before = _gasBeside(1_000_001);
        vm.startPrank(stranger);
        for (uint64 batch; batch < 100; ++batch) {
            IEscrow.Open[] memory dust = new IEscrow.Open[](100);
            for (uint64 i; i < 100; ++i) {
                dust[i] = IEscrow.Open(signer.addr, asset, 1, batch * 100 + i, 1, _expiry());
            }
            escrow.open(dust);
        }
        vm.stopPrank();
        uint256[4] memory beside = _gasBeside(1_000_002);
        for (uint256 i; i < 4; ++i) {
            assertApproxEqAbs(beside[i], before[i], 100);
        }
    }

    /// Of opening a channel, topping it up, claiming from it and closing it.
    function _gasBeside(uint64 salt) internal returns (uint256[4] memory gas) {
        IEscrow.Terms memory t = _terms(salt);
        IEscrow.Open[] memory opens = _openEntry(t, 100, _expiry());
        _cold(payer);
        gas[0] = gasleft();
        escrow.open(opens);
        gas[0] -= gasleft();
        _cold(payer);
        gas[1] = gasleft();
        escrow.topUpTo(t, 200);
        gas[1] -= gasleft();
        _claim(t, 10); // the first claim of a channel's asset writes a slot anew
        gas[2] = _gasOfClaim(t, 20);
        uint40 deadlineSec = uint40(block.timestamp);
        (bytes32 r, bytes32 vs) = _signClose(operator.privateKey, _id(t), 30, deadlineSec);
        _cold(payer);
        gas[3] = gasleft();
        escrow.close(t, 30, deadlineSec, r, vs);
        gas[3] -= gasleft();
    }

    /// As in a transaction of its own.
    function _cold(address caller) internal {
        vm.cool(address(escrow));
        vm.cool(address(assets));
        vm.prank(caller);
    }

    function _gasOfClaim(IEscrow.Terms memory t, uint256 amount) internal returns (uint256 gas) {
        IEscrow.Claim[] memory claims = _one(_claimOf(t, amount));
        _cold(operator.addr);
        gas = gasleft();
        escrow.claim(claims);
        gas -= gasleft();
    }
}
