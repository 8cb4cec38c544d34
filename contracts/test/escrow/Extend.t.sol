// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {WeftTest} from "../support/WeftTest.sol";

contract EscrowExtend_GivenAnOpenChannel is WeftTest {
    IEscrow.Terms internal t;
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        (t, id) = _opened(400);
    }

    function test_WhenThePayerExtendsIt_ItMovesTheExpiryLater() public {
        uint40 later = uint40(block.timestamp) + 90 days;
        vm.expectEmit(address(escrow));
        emit IEscrow.Extended(id, later);
        vm.prank(payer);
        escrow.extend(t, later);
        assertEq(escrow.channel(id).expiresAtSec, later);
        _assertChannel(id, 400, 0, IEscrow.Status.Open);
    }

    function testFuzz_T7_WhenTheNewExpiryIsEarlierOrTooFar_ItRefuses(uint40 to) public {
        uint40 old = escrow.channel(id).expiresAtSec;
        uint256 latest = block.timestamp + 90 days;
        bool bad = to <= old || to > latest;
        if (bad) vm.expectRevert(abi.encodeWithSelector(IEscrow.BadExpiry.selector, id, to, old, latest));
        vm.prank(payer);
        escrow.extend(t, to);
        assertEq(escrow.channel(id).expiresAtSec, bad ? old : to);
    }

    function test_WhenTheCallerIsNotThePayer_ItRefuses() public {
        address[4] memory others = [stranger, owner, operator.addr, signer.addr];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IEscrow.NotPayer.selector, id, others[i]));
            vm.prank(others[i]);
            escrow.extend(t, _expiry() + 1);
        }
    }

    function test_WhenItsExpiryHasCome_ItRefuses() public {
        uint40 old = escrow.channel(id).expiresAtSec;
        vm.startPrank(payer);
        vm.warp(old - 1);
        escrow.extend(t, old + 1);
        vm.warp(old + 1);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.ChannelExpired.selector, id, old + 1));
        escrow.extend(t, old + 2);
    }
}
