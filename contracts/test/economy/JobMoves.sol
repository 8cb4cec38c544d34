// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IJobs} from "../../src/interfaces/IJobs.sol";
import {World} from "./World.sol";

/// Clients, providers and evaluators of jobs.
abstract contract JobMoves is World {
    uint256 private constant MOST_JOBS = 5;
    bytes32 internal constant DELIVERABLE = keccak256("result");

    function fund(uint256 who, uint96[2] calldata amounts, uint256 asset, uint40 spanSec, uint32 reviewSec)
        external
        watched
    {
        if (_jobIds.length == MOST_JOBS) return;
        IJobs.Order[] memory orders = new IJobs.Order[](1 + asset % 2);
        for (uint256 i; i < orders.length; ++i) {
            uint64 a = _asset(asset / 2 + i);
            orders[i] = IJobs.Order(a, assets.tenureOf(a), uint96(1 + amounts[i] % 1e24));
        }
        IJobs.Terms memory terms = IJobs.Terms({
            evaluator: _person(who % PEOPLE + spanSec % 3),
            expiresAtSec: uint40(block.timestamp + 1 + spanSec % 40 days),
            reviewSec: uint32(1 hours + reviewSec % 20 days),
            brief: 0,
            salt: bytes32(uint256(++_salt)),
            orders: orders
        });
        vm.prank(_person(who));
        _jobIds.push(jobs.fund(terms));
        _did("fund");
    }

    function submit(uint256 which) external watched {
        (bytes32 id, uint256 step, IJobs.Step memory s, IJobs.Job memory j) = _pickStep(which, IJobs.Status.Funded);
        if (s.status != IJobs.Status.Funded || block.timestamp >= j.expiresAtSec) return;
        address provider = _collectorOf(s.asset, s.tenure, which % 2 == 0);
        if (provider == address(0)) return;
        vm.prank(provider);
        jobs.submit(id, step, DELIVERABLE);
        _did("submit");
    }

    function complete(uint256 which, uint96 part, uint256 how) external watched {
        bool whole = how % 2 == 0;
        (bytes32 id, uint256 step, IJobs.Step memory s, IJobs.Job memory j) = _pickStep(which, IJobs.Status.Submitted);
        if (s.status != IJobs.Status.Submitted || _late(s, j)) return;
        part = whole ? s.amount : 1 + part % s.amount;
        _expectPaid(s, j, part);
        vm.prank(j.evaluator);
        if (whole) jobs.complete(id, step, DELIVERABLE, "good");
        else jobs.completeInPart(id, step, DELIVERABLE, part, "partly");
        _did(whole ? bytes32("complete") : bytes32("complete in part"));
    }

    function reject(uint256 which, uint256 how) external watched {
        bool byProvider = how % 2 == 0;
        IJobs.Status wanted = which % 2 == 0 ? IJobs.Status.Funded : IJobs.Status.Submitted;
        (bytes32 id, uint256 step, IJobs.Step memory s, IJobs.Job memory j) = _pickStep(which, wanted);
        if (s.status != wanted || which % 3 != 0) return;
        address by = byProvider ? _collectorOf(s.asset, s.tenure, true) : j.evaluator;
        if (by == address(0) || (!byProvider && wanted == IJobs.Status.Submitted && _late(s, j))) return;
        vm.prank(by);
        jobs.reject(id, step, "bad");
        _did("reject");
    }

    function claimPayment(uint256 which) external watched {
        (bytes32 id, uint256 step, IJobs.Step memory s, IJobs.Job memory j) = _pickStep(which, IJobs.Status.Submitted);
        if (s.status != IJobs.Status.Submitted || !_late(s, j)) return;
        _expectPaid(s, j, s.amount);
        vm.prank(STRANGER);
        jobs.claimPayment(id, step);
        _did("claimPayment");
    }

    function claimRefund(uint256 which) external watched {
        (bytes32 id,, IJobs.Step memory s, IJobs.Job memory j) = _pickStep(which, IJobs.Status.Funded);
        if (s.status != IJobs.Status.Funded || block.timestamp < j.expiresAtSec) return;
        vm.prank(STRANGER);
        jobs.claimRefund(id);
        _did("claimRefund");
    }

    function takeRefund(uint256 who, uint256 toWhom, uint256 amount) external watched {
        amount = amount % (jobs.balances(_person(who)) + 1);
        vm.prank(_person(who));
        jobs.withdraw(amount, _person(toWhom));
        _pay(_person(who), _person(toWhom), amount);
        if (amount != 0) _did("takeRefund");
    }

    function _expectPaid(IJobs.Step memory s, IJobs.Job memory j, uint256 part) internal {
        _pay(j.client, assets.ownerAt(s.asset, s.tenure), part);
        _expectSplit(s.asset, s.tenure, part);
    }

    function _late(IJobs.Step memory s, IJobs.Job memory j) internal view returns (bool) {
        return block.timestamp >= uint256(s.submittedAtSec) + j.reviewSec;
    }

    /// A step in that state, if there is one.
    function _pickStep(uint256 which, IJobs.Status wanted)
        internal
        view
        returns (bytes32 id, uint256 step, IJobs.Step memory s, IJobs.Job memory j)
    {
        uint256 count = _jobIds.length;
        for (uint256 i; i < count; ++i) {
            id = _jobIds[(which % count + i) % count];
            j = jobs.job(id);
            for (step = 0; step < j.steps; ++step) {
                s = jobs.stepOf(id, step);
                if (s.status == wanted) return (id, step, s, j);
            }
        }
    }
}
