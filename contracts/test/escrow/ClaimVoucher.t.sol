// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../../src/Escrow.sol";
import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {OpenChannelTest} from "../support/OpenChannelTest.sol";
import {Signed} from "../support/WeftTest.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// A signer that says yes to everything, as ERC-1271 would have it.
contract YesSigner {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return 0x1626ba7e;
    }
}

contract EscrowClaimVoucher_GivenAnOpenChannel is OpenChannelTest {
    function test_T1_WhenTheVoucherIsOfAnotherChannel_ItSkips() public {
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

    function test_T1_WhenAnyFieldOfTheVoucherIsChanged_ItSkips() public {
        IEscrow.Claim memory entry = _claimOf(t, 300);
        entry.commitment = keccak256("another call");
        _expectSkip(operator.addr, entry, IEscrow.SkipReason.BadSignature);
        entry = _claimOf(t, 300);
        entry.cumulative = 301;
        _expectSkip(operator.addr, entry, IEscrow.SkipReason.BadSignature);
    }

    function testFuzz_T2_WhenTheVoucherIsForAnotherChainOrContract_ItSkips(uint64 chainId, address twin) public {
        bool same = chainId == block.chainid && twin == address(escrow);
        bytes32 hash = Signed.hashVoucher(id, 300, COMMITMENT);
        (bytes32 r, bytes32 vs) = _compact(signer.privateKey, Signed.digest(chainId, twin, hash));
        vm.assume(!same);
        IEscrow.Claim memory entry = IEscrow.Claim(t, 300, 300, COMMITMENT, r, vs);
        _expectSkip(operator.addr, entry, IEscrow.SkipReason.BadSignature);
    }

    function test_T2_WhenTheVoucherIsTakenToATwinOnTheSameChain_ItSkips() public {
        Escrow twin = new Escrow(IERC20(address(token)), assets, WINDOW, governance);
        IEscrow.Claim memory entry = _claimOf(t, 300);
        vm.expectEmit(address(twin));
        emit IEscrow.Skipped(twin.channelIdOf(t), IEscrow.SkipReason.NotOpen);
        vm.prank(operator.addr);
        twin.claim(_one(entry));
    }

    function test_T2_WhenTheChainForks_ItVoidsOldVouchersAndLeavesTheMoneyReachable() public {
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

    function test_T3_WhenTheSignatureIsAHighTwin_ItSkips() public {
        IEscrow.Claim memory entry = _claimOf(t, 300);
        uint256 s = uint256(entry.vs) & (type(uint256).max >> 1);
        uint256 parity = uint256(entry.vs) >> 255;
        entry.vs = bytes32((ORDER - s) | ((1 - parity) << 255));
        _expectSkip(operator.addr, entry, IEscrow.SkipReason.BadSignature);
        entry.vs = bytes32(s | ((1 - parity) << 255));
        _expectSkip(operator.addr, entry, IEscrow.SkipReason.BadSignature);
    }

    function testFuzz_T3_WhenTheSignatureIsAnyOtherBytes_ItSkips(bytes32 r, bytes32 vs) public {
        IEscrow.Claim memory entry = _claimOf(t, 300);
        vm.assume(r != entry.r || vs != entry.vs);
        (entry.r, entry.vs) = (r, vs);
        _expectSkip(operator.addr, entry, IEscrow.SkipReason.BadSignature);
        (entry.r, entry.vs) = (0, 0);
        _expectSkip(operator.addr, entry, IEscrow.SkipReason.BadSignature);
    }

    function testFuzz_I4_WhenAnotherKeySignedTheVoucher_ItSkips(uint256 key) public {
        key = bound(key, 1, ORDER - 1);
        vm.assume(key != signer.privateKey);
        IEscrow.Claim memory entry = _claimOf(t, 300);
        (entry.r, entry.vs) = _signVoucher(key, id, 300);
        _expectSkip(operator.addr, entry, IEscrow.SkipReason.BadSignature);
    }

    function test_T19_WhenTheSignerIsAContract_ItAsksItForNoSignature() public {
        IEscrow.Terms memory other = _terms(2);
        other.signer = address(new YesSigner());
        _open(other, 500);
        _expectSkip(operator.addr, _claimOf(other, 300), IEscrow.SkipReason.BadSignature);
        vm.warp(block.timestamp + SPAN + WINDOW);
        escrow.reclaim(_one(other));
        assertEq(escrow.balances(payer), 1_000_000 - 1000);
    }
}
