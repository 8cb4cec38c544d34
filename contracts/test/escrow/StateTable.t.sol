// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {WeftTest} from "../support/WeftTest.sol";

/// Every event in every state of a channel, as PROTOCOL section 3 has it:
///   none   -open->                          open
///   open   -topUpTo, extend, claim->        open
///   open   -close, giveUp, reclaim->        closed
///   closed -anything->                      closed, refused
contract EscrowStateTable is WeftTest {
    enum State {
        None,
        Open,
        Claimed,
        Expired,
        Released,
        ClosedByClose,
        ClosedByGiveUp,
        ClosedByReclaim
    }

    enum Event {
        Open,
        TopUp,
        Extend,
        Claim,
        Close,
        GiveUp,
        Reclaim
    }

    uint256 internal constant STATES = 8;
    uint256 internal constant EVENTS = 7;
    uint96 internal constant DEPOSIT = 1000;

    IEscrow.Terms internal t;
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        t = _terms();
        id = _id(t);
    }

    function test_I3_WhenAnyEventComesInAnyState_ItDoesWhatTheTableSays() public {
        for (uint256 s; s < STATES; ++s) {
            for (uint256 e; e < EVENTS; ++e) {
                uint256 snapshot = vm.snapshotState();
                _bring(State(s));
                _check(State(s), Event(e));
                vm.revertToStateAndDelete(snapshot);
            }
        }
    }

    /// The table. Rows are states; a cell is the status afterwards if the event happens, or None if it is refused.
    function _expected(State s, Event e) internal pure returns (IEscrow.Status) {
        if (s == State.None) return e == Event.Open ? IEscrow.Status.Open : IEscrow.Status.None;
        if (s >= State.ClosedByClose || e == Event.Open) return IEscrow.Status.None;
        if (e == Event.Close || e == Event.GiveUp) return IEscrow.Status.Closed;
        if (e == Event.Reclaim) return s == State.Released ? IEscrow.Status.Closed : IEscrow.Status.None;
        if (e == Event.Claim) return s == State.Released ? IEscrow.Status.None : IEscrow.Status.Open;
        // topUpTo and extend end with the expiry.
        return s == State.Open || s == State.Claimed ? IEscrow.Status.Open : IEscrow.Status.None;
    }

    function _bring(State s) internal {
        if (s == State.None) return;
        _open(t, DEPOSIT);
        if (s >= State.Claimed) _claim(t, 300);
        if (s == State.Expired) vm.warp(escrow.channel(id).expiresAtSec);
        if (s == State.Released || s == State.ClosedByReclaim) vm.warp(escrow.channel(id).expiresAtSec + WINDOW);
        if (s == State.ClosedByClose) _do(Event.Close);
        if (s == State.ClosedByGiveUp) _do(Event.GiveUp);
        if (s == State.ClosedByReclaim) _do(Event.Reclaim);
    }

    function _check(State s, Event e) internal {
        IEscrow.Channel memory before = escrow.channel(id);
        uint256 wealth = _wealth();
        IEscrow.Status expected = _expected(s, e);
        bool refused = expected == IEscrow.Status.None;
        bool done = _do(e);
        IEscrow.Channel memory afterwards = escrow.channel(id);
        string memory cell = string.concat("state ", vm.toString(uint256(s)), " event ", vm.toString(uint256(e)));
        if (refused) {
            assertEq(keccak256(abi.encode(afterwards)), keccak256(abi.encode(before)), cell);
            // Batches pass a bad entry over, everything else reverts.
            assertEq(done, e == Event.Claim || e == Event.Reclaim, cell);
        } else {
            assertTrue(done, cell);
            assertEq(uint8(afterwards.status), uint8(expected), cell);
            assertTrue(keccak256(abi.encode(afterwards)) != keccak256(abi.encode(before)), cell);
        }
        assertGe(afterwards.deposited, before.deposited, cell);
        assertGe(afterwards.claimed, before.claimed, cell);
        assertGe(afterwards.expiresAtSec, before.expiresAtSec, cell);
        assertEq(_wealth(), wealth, cell);
    }

    /// All that is owed to anybody; no event makes or loses a unit.
    function _wealth() internal view returns (uint256) {
        IEscrow.Channel memory c = escrow.channel(id);
        uint256 held = c.status == IEscrow.Status.Open ? c.deposited - c.claimed : 0;
        return escrow.balances(payer) + held + _income(asset, 1);
    }

    function _do(Event e) internal returns (bool done) {
        bytes memory data;
        address caller = payer;
        if (e == Event.Open) data = abi.encodeCall(IEscrow.open, (_openEntry(t, 77, _expiry())));
        if (e == Event.TopUp) data = abi.encodeCall(IEscrow.topUpTo, (t, DEPOSIT + 500));
        if (e == Event.Extend) data = abi.encodeCall(IEscrow.extend, (t, uint40(block.timestamp) + SPAN + 1 days));
        if (e == Event.Claim) {
            data = abi.encodeCall(IEscrow.claim, (_one(_claimOf(t, 400))));
            caller = operator.addr;
        }
        if (e == Event.Close) {
            uint40 deadlineSec = uint40(block.timestamp) + 60;
            (bytes32 r, bytes32 vs) = _signClose(operator.privateKey, id, 500, deadlineSec);
            data = abi.encodeCall(IEscrow.close, (t, 500, deadlineSec, r, vs));
        }
        if (e == Event.GiveUp) {
            data = abi.encodeCall(IEscrow.giveUp, (t));
            caller = operator.addr;
        }
        if (e == Event.Reclaim) data = abi.encodeCall(IEscrow.reclaim, (_one(t)));
        vm.prank(caller);
        (done,) = address(escrow).call(data);
    }
}
