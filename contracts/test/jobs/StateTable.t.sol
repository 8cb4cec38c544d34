// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IJobs} from "../../src/interfaces/IJobs.sol";
import {JobsTest} from "../support/JobsTest.sol";

/// The table of states of `IJobs`.
contract JobsStateTable is JobsTest {
    enum Move {
        Submit,
        Complete,
        CompleteInPart,
        RejectByEvaluator,
        RejectByProvider,
        ClaimPayment,
        ClaimRefund
    }

    enum At {
        None,
        Funded,
        FundedExpired,
        Submitted,
        SubmittedReviewed,
        SubmittedExpired, // the job is, the review is not over
        Completed,
        Rejected,
        Expired
    }

    /// Every move in every state: what the table allows happens, everything else is refused and changes nothing.
    function test_I3_WhenAnyMoveComesInAnyState_ItDoesWhatTheTableSays() public {
        for (uint8 at; at <= uint8(type(At).max); ++at) {
            for (uint8 move; move <= uint8(type(Move).max); ++move) {
                uint256 snapshot = vm.snapshotState();
                bytes32 id = _bring(At(at));
                IJobs.Status before = _status(id, 0);
                uint256 held = token.balanceOf(address(jobs));
                uint256 back = jobs.balances(client.addr);
                bool done = _try(Move(move), id);
                IJobs.Status expected = _expected(At(at), Move(move), before);
                string memory name = string.concat(vm.toString(uint256(at)), " ", vm.toString(uint256(move)));
                assertEq(done, expected != before, name);
                assertEq(uint8(_status(id, 0)), uint8(expected), name);
                uint256 paid = held - token.balanceOf(address(jobs));
                uint256 returned = jobs.balances(client.addr) - back;
                if (!done || expected == IJobs.Status.Submitted) {
                    assertEq(paid + returned, 0, name);
                } else if (expected == IJobs.Status.Completed) {
                    assertEq(paid, Move(move) == Move.CompleteInPart ? 250 : 400, name);
                    assertEq(paid + returned, 400, name);
                } else {
                    assertEq(paid, 0, name);
                    assertEq(returned, 400, name);
                }
                require(vm.revertToState(snapshot));
            }
        }
    }

    function _expected(At at, Move move, IJobs.Status before) internal pure returns (IJobs.Status) {
        bool funded = at == At.Funded || at == At.FundedExpired;
        bool reviewed = at == At.Submitted || at == At.SubmittedExpired;
        if (move == Move.Submit && at == At.Funded) return IJobs.Status.Submitted;
        if ((move == Move.Complete || move == Move.CompleteInPart) && reviewed) return IJobs.Status.Completed;
        if (move == Move.RejectByEvaluator && (funded || reviewed)) return IJobs.Status.Rejected;
        if (move == Move.RejectByProvider && (funded || reviewed || at == At.SubmittedReviewed)) {
            return IJobs.Status.Rejected;
        }
        if (move == Move.ClaimPayment && at == At.SubmittedReviewed) return IJobs.Status.Completed;
        if (move == Move.ClaimRefund && at == At.FundedExpired) return IJobs.Status.Expired;
        return before;
    }

    function _bring(At at) internal returns (bytes32 id) {
        if (at == At.None) return keccak256("no job");
        id = _fundAs(client.addr, _terms(_orders(asset, 400), 1));
        uint40 expires = _expiry();
        if (at == At.SubmittedExpired) vm.warp(expires - 1);
        if (at >= At.Submitted && at != At.Expired) _submit(operator.addr, id, 0);
        if (at == At.Completed) _complete(id, 0);
        if (at == At.Rejected) _reject(evaluator, id, 0);
        if (at == At.SubmittedReviewed) vm.warp(block.timestamp + REVIEW);
        if (at == At.FundedExpired || at == At.Expired || at == At.SubmittedExpired) vm.warp(expires);
        if (at == At.Expired) jobs.claimRefund(id);
    }

    function _try(Move move, bytes32 id) internal returns (bool done) {
        bytes memory data;
        address who = evaluator;
        if (move == Move.Submit) (who, data) = (operator.addr, abi.encodeCall(IJobs.submit, (id, 0, DELIVERABLE)));
        if (move == Move.Complete) data = abi.encodeCall(IJobs.complete, (id, 0, DELIVERABLE, REASON));
        if (move == Move.CompleteInPart) {
            data = abi.encodeCall(IJobs.completeInPart, (id, 0, DELIVERABLE, 250, REASON));
        }
        if (move == Move.RejectByEvaluator) data = abi.encodeCall(IJobs.reject, (id, 0, REASON));
        if (move == Move.RejectByProvider) {
            (who, data) = (operator.addr, abi.encodeCall(IJobs.reject, (id, 0, REASON)));
        }
        if (move == Move.ClaimPayment) (who, data) = (stranger, abi.encodeCall(IJobs.claimPayment, (id, 0)));
        if (move == Move.ClaimRefund) (who, data) = (stranger, abi.encodeCall(IJobs.claimRefund, (id)));
        vm.prank(who);
        (done,) = address(jobs).call(data);
    }
}
