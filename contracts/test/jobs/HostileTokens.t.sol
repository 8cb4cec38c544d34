// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../../src/Escrow.sol";
import {Jobs} from "../../src/Jobs.sol";
import {IJobs} from "../../src/interfaces/IJobs.sol";
import {
    BlockingToken,
    FalseToken,
    FeeToken,
    HookToken,
    LyingToken,
    NoReturnToken,
    PlainToken
} from "../support/HostileTokens.sol";
import {JobsTest} from "../support/JobsTest.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// A client that evaluates its own job in the middle of every movement of money.
contract GreedyClient {
    address internal jobs;
    bytes[] internal attacks;
    uint256 internal tried;
    uint256 public succeeded;
    bytes public answer;

    constructor(HookToken token, address jobs_) {
        jobs = jobs_;
        token.hook(true);
        token.approve(jobs_, type(uint256).max);
    }

    function arm(bytes[] calldata attacks_) external {
        delete attacks;
        for (uint256 i; i < attacks_.length; ++i) {
            attacks.push(attacks_[i]);
        }
        (tried, succeeded) = (0, 0);
    }

    function call(address to, bytes calldata data) external returns (bytes memory) {
        (bool ok, bytes memory why) = to.call(data);
        require(ok, string(why));
        return why;
    }

    function onToken() external {
        while (tried < attacks.length) {
            (bool ok, bytes memory why) = jobs.call(attacks[tried++]);
            if (ok) ++succeeded;
            else answer = why;
        }
    }
}

contract JobsHostileTokens_GivenTokensThatMisbehave is JobsTest {
    function _jobsOf(address hostile) internal {
        escrow = new Escrow(IERC20(hostile), assets, WINDOW, governance);
        revenue = escrow.revenue();
        jobs = new Jobs(escrow);
    }

    function _give(PlainToken hostile, address who) internal {
        hostile.mint(who, 10_000);
        vm.prank(who);
        hostile.approve(address(jobs), type(uint256).max);
    }

    function test_T12_WhenATokenKeepsAPart_ItRefuses() public {
        FeeToken fee = new FeeToken();
        _jobsOf(address(fee));
        _give(fee, client.addr);
        IJobs.Terms memory terms = _terms(_two(), 1);
        vm.expectRevert(abi.encodeWithSelector(IJobs.NotPaid.selector, 900, 1_000));
        _fundAs(client.addr, terms);
    }

    function test_T14_WhenATokenSaysFalseOrLiesOrIsNone_ItRefuses() public {
        FalseToken no = new FalseToken();
        _jobsOf(address(no));
        _give(no, client.addr);
        IJobs.Terms memory terms = _terms(_two(), 1);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(no)));
        _fundAs(client.addr, terms);
        LyingToken lie = new LyingToken();
        _jobsOf(address(lie));
        _give(lie, client.addr);
        vm.expectRevert(abi.encodeWithSelector(IJobs.NotPaid.selector, 0, 1_000));
        _fundAs(client.addr, terms);
        escrow = new Escrow(IERC20(address(0xDEAD)), assets, WINDOW, governance);
        vm.expectRevert(abi.encodeWithSelector(IJobs.NotAContract.selector, address(0xDEAD)));
        new Jobs(escrow);
    }

    function test_T14_WhenATokenAnswersNothing_ItWorks() public {
        NoReturnToken silent = new NoReturnToken();
        _jobsOf(address(silent));
        silent.mint(client.addr, 1_000);
        vm.prank(client.addr);
        silent.approve(address(jobs), 1_000);
        bytes32 id = _submitted();
        _complete(id, 1);
        _reject(evaluator, id, 0);
        vm.prank(client.addr);
        jobs.withdraw(600, client.addr);
        assertEq(silent.balanceOf(client.addr), 600);
        assertEq(revenue.balances(owner), 400);
    }

    function test_T13_WhenTheClientIsBlocked_ItStopsNoProvider() public {
        BlockingToken blocking = new BlockingToken();
        _jobsOf(address(blocking));
        _give(blocking, client.addr);
        bytes32 id = _submitted();
        blocking.setBlocked(client.addr, true);
        blocking.setBlocked(owner, true);
        vm.prank(evaluator);
        jobs.completeInPart(id, 1, DELIVERABLE, 300, REASON);
        _reject(evaluator, id, 0);
        assertEq(revenue.balances(owner), 300);
        assertEq(jobs.balances(client.addr), 700);
        // He has it sent elsewhere.
        vm.prank(client.addr);
        jobs.withdraw(700, stranger);
        assertEq(blocking.balanceOf(stranger), 700);
    }

    /// Whatever a client tries in the middle of a transfer of his.
    function test_T11_WhenAClientReenters_ItLetsHimGainNothing() public {
        HookToken hooks = new HookToken();
        _jobsOf(address(hooks));
        _give(hooks, stranger);
        _fundAs(stranger, _terms(_orders(asset, 5_000), 98)); // others' money
        GreedyClient greedy = new GreedyClient(hooks, address(jobs));
        hooks.mint(address(greedy), 1_000);
        evaluator = address(greedy);
        IJobs.Terms memory terms = _terms(_two(), 1);
        IJobs.Terms memory more = _terms(_orders(asset, 1), 2);
        bytes32 id = jobs.jobIdOf(address(greedy), terms);
        bytes[] memory attacks = new bytes[](6);
        attacks[0] = abi.encodeCall(IJobs.fund, (more));
        attacks[1] = abi.encodeCall(IJobs.reject, (id, 0, REASON)); // may be done, and takes nothing out
        attacks[2] = abi.encodeCall(IJobs.withdraw, (600, address(greedy)));
        attacks[3] = abi.encodeCall(IJobs.complete, (id, 1, DELIVERABLE, REASON));
        attacks[4] = abi.encodeCall(IJobs.fund, (terms));
        attacks[5] = abi.encodeCall(IJobs.claimPayment, (id, 1));
        greedy.arm(attacks);
        greedy.call(address(jobs), abi.encodeCall(IJobs.fund, (terms)));
        assertEq(greedy.succeeded(), 1);
        assertEq(bytes4(greedy.answer()), ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        assertEq(hooks.balanceOf(address(jobs)), 6_000);
        assertEq(hooks.balanceOf(address(greedy)), 0);
        assertEq(jobs.balances(address(greedy)), 600);
        // And once more while he withdraws, with a step to evaluate.
        _submit(operator.addr, id, 1);
        attacks = new bytes[](3);
        attacks[2] = abi.encodeCall(IJobs.complete, (id, 1, DELIVERABLE, REASON));
        attacks[0] = abi.encodeCall(IJobs.withdraw, (600, address(greedy)));
        attacks[1] = abi.encodeCall(IJobs.withdraw, (1, address(greedy)));
        greedy.arm(attacks);
        greedy.call(address(jobs), abi.encodeCall(IJobs.withdraw, (600, address(greedy))));
        assertEq(greedy.succeeded(), 0);
        assertEq(hooks.balanceOf(address(greedy)), 600);
        assertEq(hooks.balanceOf(address(jobs)), 5_400);
    }
}
