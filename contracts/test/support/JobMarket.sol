// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Assets} from "../../src/Assets.sol";
import {Jobs} from "../../src/Jobs.sol";
import {TestToken} from "../../src/TestToken.sol";
import {IAssets} from "../../src/interfaces/IAssets.sol";
import {IJobs} from "../../src/interfaces/IJobs.sol";
import {IRevenue} from "../../src/interfaces/IRevenue.sol";
import {Vm} from "forge-std/Vm.sol";

/// Jobs among four people, in which everybody does as the fuzzer says: honest moves, which must succeed, and attacks,
/// which must fail. What ought to be is kept beside what is.
contract JobMarket {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 public constant PEOPLE = 4;
    uint256 private constant ASSETS = 3;
    address public constant EVALUATOR = address(0xE7A1);
    bytes32 private constant DELIVERABLE = keccak256("result");

    TestToken public immutable token;
    Assets public immutable assets;
    Jobs public immutable jobs;
    IRevenue public immutable revenue;

    bytes32[] public ids;
    mapping(bytes32 => IJobs.Terms) private _terms;
    mapping(bytes32 => mapping(uint256 => IJobs.Status)) private _last;
    uint256 private _salt;

    uint256 public open; // amounts of steps that are not over
    uint256 public donated;
    uint256 public funded; // in
    uint256 public released; // out, through Revenue
    uint256 public withdrawn; // out, to clients
    mapping(address => uint256) public refunded;
    mapping(address => uint256) public taken;
    mapping(uint64 asset => mapping(uint32 tenure => uint256)) public earned;
    mapping(bytes32 => uint256) public calls;

    modifier counted(bytes32 name) {
        _;
        ++calls[name];
        open = _look();
    }

    /// What is open, after seeing that no status ran backwards and what is over stayed as it was.
    function _look() private returns (uint256 sum) {
        for (uint256 i; i < ids.length; ++i) {
            bytes32 id = ids[i];
            for (uint256 k; k < _terms[id].orders.length; ++k) {
                IJobs.Step memory s = jobs.stepOf(id, k);
                IJobs.Status was = _last[id][k];
                require(was <= IJobs.Status.Submitted ? s.status >= was : s.status == was, "I3 a status ran backwards");
                if (s.status != was) _last[id][k] = s.status;
                if (s.status <= IJobs.Status.Submitted) sum += s.amount;
            }
        }
    }

    constructor(TestToken token_, Assets assets_, Jobs jobs_) {
        (token, assets, jobs, revenue) = (token_, assets_, jobs_, jobs_.revenue());
        for (uint256 i; i < PEOPLE; ++i) {
            token.mint(person(i), 1e30);
            vm.prank(person(i));
            token.approve(address(jobs), type(uint256).max);
        }
        for (uint256 i; i < ASSETS; ++i) {
            IAssets.Parent[] memory parents = new IAssets.Parent[](i);
            for (uint256 k; k < i; ++k) {
                parents[k] = IAssets.Parent(uint48(k + 1), 1_000);
            }
            vm.prank(person(i));
            assets.mint(_operator(uint64(i + 1), 1), parents, bytes32(0));
        }
    }

    function person(uint256 who) public pure returns (address) {
        return address(uint160(0xA110 + who % PEOPLE));
    }

    function count() external view returns (uint256) {
        return ids.length;
    }

    // Honest moves

    function fund(uint256 who, uint96[4] calldata amounts, uint256 asset, uint40 spanSec, uint32 reviewSec)
        external
        counted("fund")
    {
        uint256 steps = 1 + asset % 4;
        IJobs.Order[] memory orders = new IJobs.Order[](steps);
        uint256 sum;
        for (uint256 i; i < steps; ++i) {
            uint64 a = uint64(1 + (asset % ASSETS + i) % ASSETS);
            orders[i] = IJobs.Order(a, assets.tenureOf(a), uint96(1 + amounts[i] % 1e24));
            sum += orders[i].amount;
        }
        IJobs.Terms memory terms = IJobs.Terms({
            evaluator: spanSec % 3 == 0 ? person(who) : EVALUATOR,
            expiresAtSec: uint40(block.timestamp + 1 + spanSec % 60 days),
            reviewSec: uint32(1 hours + reviewSec % 29 days),
            brief: bytes32(asset),
            salt: bytes32(++_salt),
            orders: orders
        });
        uint256 before = token.balanceOf(person(who));
        vm.prank(person(who));
        bytes32 id = jobs.fund(terms);
        require(before - token.balanceOf(person(who)) == sum, "took something else");
        ids.push(id);
        _keep(id, terms);
        funded += sum;
        // A resend of the same transaction.
        vm.prank(person(who));
        _mustFail(abi.encodeCall(IJobs.fund, (terms)));
    }

    function submit(uint256 which) external counted("submit") {
        (bytes32 id, uint256 step, IJobs.Step memory s, IJobs.Job memory j) = _pick(which, IJobs.Status.Funded);
        if (s.status != IJobs.Status.Funded || block.timestamp >= j.expiresAtSec) return;
        vm.prank(_provider(s));
        jobs.submit(id, step, DELIVERABLE);
    }

    function complete(uint256 which, uint96 part) external counted("complete") {
        (bytes32 id, uint256 step, IJobs.Step memory s, IJobs.Job memory j) = _pick(which, IJobs.Status.Submitted);
        if (s.status != IJobs.Status.Submitted || block.timestamp >= s.submittedAtSec + uint256(j.reviewSec)) return;
        part = uint96(1 + part % s.amount);
        vm.prank(j.evaluator);
        if (part == s.amount) jobs.complete(id, step, DELIVERABLE, "good");
        else jobs.completeInPart(id, step, DELIVERABLE, part, "partly");
        _paid(s, part);
        refunded[j.client] += s.amount - part;
    }

    function reject(uint256 which, bool byProvider) external counted("reject") {
        IJobs.Status wanted = which % 2 == 0 ? IJobs.Status.Funded : IJobs.Status.Submitted;
        (bytes32 id, uint256 step, IJobs.Step memory s, IJobs.Job memory j) = _pick(which, wanted);
        if (s.status != IJobs.Status.Funded && s.status != IJobs.Status.Submitted) return;
        bool over = s.status == IJobs.Status.Submitted && block.timestamp >= s.submittedAtSec + uint256(j.reviewSec);
        if (!byProvider && over) return;
        vm.prank(byProvider ? _provider(s) : j.evaluator);
        jobs.reject(id, step, "bad");
        refunded[j.client] += s.amount;
    }

    function claimPayment(uint256 which, uint256 who) external counted("claimPayment") {
        (bytes32 id, uint256 step, IJobs.Step memory s, IJobs.Job memory j) = _pick(which, IJobs.Status.Submitted);
        if (s.status != IJobs.Status.Submitted || block.timestamp < s.submittedAtSec + uint256(j.reviewSec)) return;
        vm.prank(person(who));
        jobs.claimPayment(id, step);
        _paid(s, s.amount);
    }

    function claimRefund(uint256 which, uint256 who) external counted("claimRefund") {
        (bytes32 id,, IJobs.Step memory s, IJobs.Job memory j) = _pick(which, IJobs.Status.Funded);
        if (s.status != IJobs.Status.Funded || block.timestamp < j.expiresAtSec) return;
        uint256 due = _notSubmitted(id, j.steps);
        vm.prank(person(who));
        require(jobs.claimRefund(id) == due, "I4 a refund of something else");
        refunded[j.client] += due;
    }

    function withdraw(uint256 who, uint256 toWhom, uint256 amount) external counted("withdraw") {
        amount = amount % (jobs.balances(person(who)) + 1);
        vm.prank(person(who));
        jobs.withdraw(amount, person(toWhom));
        taken[person(who)] += amount;
        withdrawn += amount;
    }

    function transfer(uint256 asset, uint256 to) external counted("transfer") {
        uint64 a = uint64(1 + asset % ASSETS);
        address from = assets.ownerOf(a);
        vm.prank(from);
        assets.transferFrom(from, person(to), a);
        uint32 tenure = assets.tenureOf(a);
        vm.prank(person(to));
        assets.setOperator(a, _operator(a, tenure));
    }

    function donate(uint96 amount) external counted("donate") {
        token.mint(address(jobs), amount);
        donated += amount;
    }

    function wait(uint40 sec) external counted("wait") {
        vm.warp(block.timestamp + sec % 10 days);
    }

    // Attacks: whoever is not the one for it, at any time.

    function attack(uint256 which, uint256 who, uint8 kind, uint96 amount) external counted("attack") {
        if (ids.length == 0) return;
        bytes32 id = ids[which % ids.length];
        uint256 step = (which >> 128) % (uint256(jobs.job(id).steps) + 1);
        IJobs.Step memory s = jobs.stepOf(id, step);
        address thief = who % 6 == 4 ? _operator(s.asset, s.tenure + 1) : who % 6 == 5 ? EVALUATOR : person(who);
        bool provider = assets.actsFor(s.asset, s.tenure, thief);
        bool evaluator = jobs.job(id).evaluator == thief;
        kind = kind % 6;
        if (kind == 0 && !provider) _steal(thief, abi.encodeCall(IJobs.submit, (id, step, DELIVERABLE)));
        if (kind == 1 && !evaluator) _steal(thief, abi.encodeCall(IJobs.complete, (id, step, DELIVERABLE, "")));
        if (kind == 2 && !evaluator) {
            _steal(thief, abi.encodeCall(IJobs.completeInPart, (id, step, DELIVERABLE, amount, "")));
        }
        if (kind == 3 && !evaluator && !provider) _steal(thief, abi.encodeCall(IJobs.reject, (id, step, "")));
        if (kind == 4) {
            _steal(thief, abi.encodeCall(IJobs.withdraw, (jobs.balances(thief) + 1 + amount, thief)));
        }
        if (kind == 5 && s.status > IJobs.Status.Submitted) {
            // What is over, even by the right ones.
            _steal(EVALUATOR, abi.encodeCall(IJobs.complete, (id, step, DELIVERABLE, "")));
            _steal(EVALUATOR, abi.encodeCall(IJobs.reject, (id, step, "")));
            _steal(thief, abi.encodeCall(IJobs.claimPayment, (id, step)));
        }
    }

    /// From wherever it is: everybody ends everything that is open, late, with nobody's help.
    function finish() external counted("finish") {
        vm.warp(block.timestamp + 60 days + 30 days);
        for (uint256 i; i < ids.length; ++i) {
            IJobs.Job memory j = jobs.job(ids[i]);
            bool funded_;
            for (uint256 k; k < j.steps; ++k) {
                IJobs.Step memory s = jobs.stepOf(ids[i], k);
                if (s.status == IJobs.Status.Submitted) {
                    jobs.claimPayment(ids[i], k);
                    _paid(s, s.amount);
                }
                if (s.status == IJobs.Status.Funded) funded_ = true;
            }
            if (funded_) refunded[j.client] += jobs.claimRefund(ids[i]);
        }
        for (uint256 i; i < PEOPLE; ++i) {
            uint256 all = jobs.balances(person(i));
            vm.prank(person(i));
            jobs.withdraw(all, person(i));
            taken[person(i)] += all;
            withdrawn += all;
        }
    }

    function _notSubmitted(bytes32 id, uint256 steps) private view returns (uint256 sum) {
        for (uint256 k; k < steps; ++k) {
            IJobs.Step memory s = jobs.stepOf(id, k);
            if (s.status == IJobs.Status.Funded) sum += s.amount;
        }
    }

    function _steal(address thief, bytes memory data) private {
        vm.prank(thief);
        _mustFail(data);
    }

    function _mustFail(bytes memory data) private {
        (bool done,) = address(jobs).call(data);
        require(!done, "an attack succeeded");
    }

    function _paid(IJobs.Step memory s, uint256 amount) private {
        released += amount;
        earned[s.asset][s.tenure] += amount;
    }

    /// A step in that state, if there is one near the fuzzer's.
    function _pick(uint256 which, IJobs.Status wanted)
        private
        view
        returns (bytes32 id, uint256 step, IJobs.Step memory s, IJobs.Job memory j)
    {
        for (uint256 i; i < ids.length; ++i) {
            id = ids[(which % ids.length + i) % ids.length];
            j = jobs.job(id);
            for (uint256 k; k < j.steps; ++k) {
                step = ((which >> 128) + k) % j.steps;
                s = jobs.stepOf(id, step);
                if (s.status == wanted) return (id, step, s, j);
            }
        }
    }

    function _keep(bytes32 id, IJobs.Terms memory terms) private {
        IJobs.Terms storage t = _terms[id];
        (t.evaluator, t.expiresAtSec, t.reviewSec) = (terms.evaluator, terms.expiresAtSec, terms.reviewSec);
        for (uint256 i; i < terms.orders.length; ++i) {
            t.orders.push(terms.orders[i]);
        }
    }

    function termsOf(bytes32 id) external view returns (IJobs.Terms memory) {
        return _terms[id];
    }

    function _provider(IJobs.Step memory s) private pure returns (address) {
        return _operator(s.asset, s.tenure);
    }

    function _operator(uint64 asset, uint32 tenure) private pure returns (address) {
        return address(uint160(uint256(keccak256(abi.encode(asset, tenure)))));
    }
}
