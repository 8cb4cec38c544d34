// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Jobs} from "../../src/Jobs.sol";
import {IJobs} from "../../src/interfaces/IJobs.sol";
import {JobsTest} from "../support/JobsTest.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

contract JobsFund_GivenAClientWithMoney is JobsTest {
    function test_WhenHeFundsAJob_ItTakesTheSumAndTellsTheTerms() public {
        IJobs.Terms memory terms = _terms(_two(), 1);
        bytes32 id = keccak256(abi.encode(block.chainid, address(jobs), client.addr, terms));
        assertEq(jobs.jobIdOf(client.addr, terms), id);
        vm.expectEmit(address(jobs));
        emit IJobs.JobFunded(id, client.addr, evaluator, 1_000, terms);
        assertEq(_fundAs(client.addr, terms), id);
        assertEq(token.balanceOf(client.addr), 9_000);
        assertEq(token.balanceOf(address(jobs)), 6_000);
        IJobs.Job memory j = jobs.job(id);
        assertEq(j.client, client.addr);
        assertEq(j.evaluator, evaluator);
        assertEq(j.expiresAtSec, _expiry());
        assertEq(j.reviewSec, REVIEW);
        assertEq(j.steps, 2);
        IJobs.Step memory s = jobs.stepOf(id, 1);
        assertEq(s.asset, asset);
        assertEq(s.tenure, 1);
        assertEq(s.amount, 400);
        assertEq(s.submittedAtSec, 0);
        assertEq(s.deliverable, bytes32(0));
        _assertStatus(id, 1, IJobs.Status.Funded);
        _assertStatus(id, 2, IJobs.Status.None);
    }

    function test_WhenAnyTermDiffers_ItIsAnotherJob() public {
        bytes32[10] memory ids;
        for (uint256 i; i < 9; ++i) {
            IJobs.Terms memory terms = _terms(_two(), 1);
            if (i == 1) terms.evaluator = address(1);
            if (i == 2) terms.expiresAtSec += 1;
            if (i == 3) terms.reviewSec += 1;
            if (i == 4) terms.brief = 0;
            if (i == 5) terms.salt = 0;
            if (i == 6) terms.orders[0].amount += 1;
            if (i == 7) terms.orders[1].tenure += 1;
            if (i == 8) terms.orders[1].asset += 1;
            ids[i] = jobs.jobIdOf(client.addr, terms);
        }
        ids[9] = new Jobs(escrow).jobIdOf(client.addr, _terms(_two(), 1));
        for (uint256 i; i < 10; ++i) {
            for (uint256 k; k < i; ++k) {
                assertTrue(ids[i] != ids[k]);
            }
        }
    }

    function test_WhenTheTermsCannotHold_ItRefuses() public {
        IJobs.Terms memory terms = _terms(_two(), 1);
        terms.evaluator = address(0);
        _expectRefused(terms, abi.encodeWithSelector(IJobs.ZeroEvaluator.selector));
        terms = _terms(new IJobs.Order[](0), 1);
        _expectRefused(terms, abi.encodeWithSelector(IJobs.BadStepCount.selector, 0, 16));
        terms = _terms(new IJobs.Order[](17), 1);
        _expectRefused(terms, abi.encodeWithSelector(IJobs.BadStepCount.selector, 17, 16));
        terms = _terms(_two(), 1);
        terms.orders[1].amount = 0;
        _expectRefused(terms, abi.encodeWithSelector(IJobs.ZeroAmount.selector, 1));
        uint256 latest = block.timestamp + 365 days;
        uint40[3] memory ends = [uint40(0), uint40(block.timestamp), uint40(latest + 1)];
        for (uint256 i; i < 3; ++i) {
            terms = _terms(_two(), 1);
            terms.expiresAtSec = ends[i];
            _expectRefused(terms, abi.encodeWithSelector(IJobs.BadExpiry.selector, ends[i], latest));
        }
        uint32[3] memory reviews = [uint32(0), 1 hours - 1, 30 days + 1];
        for (uint256 i; i < 3; ++i) {
            terms = _terms(_two(), 1);
            terms.reviewSec = reviews[i];
            _expectRefused(terms, abi.encodeWithSelector(IJobs.BadReview.selector, reviews[i], 1 hours, 30 days));
        }
        terms = _terms(_two(), 1);
        terms.orders[1].tenure = 2;
        _expectRefused(terms, abi.encodeWithSelector(IJobs.WrongTenure.selector, asset, 2, 1));
        terms.orders[1] = IJobs.Order(99, 0, 1);
        _expectRefused(terms, abi.encodeWithSelector(IJobs.WrongTenure.selector, 99, 0, 0));
        assertEq(token.balanceOf(client.addr), 10_000);
    }

    function _expectRefused(IJobs.Terms memory terms, bytes memory reason) internal {
        vm.expectRevert(reason);
        _fundAs(client.addr, terms);
        vm.expectRevert(reason);
        vm.prank(client.addr);
        jobs.fundWithPermit(terms, block.timestamp, 27, 0, 0);
    }

    function test_WhenTheTermsAreTheOutermost_ItTakesThemAndSixteenSteps() public {
        IJobs.Order[] memory orders = new IJobs.Order[](16);
        for (uint256 i; i < 16; ++i) {
            orders[i] = IJobs.Order(asset, 1, type(uint96).max);
        }
        IJobs.Terms memory terms = _terms(orders, 1);
        terms.expiresAtSec = uint40(block.timestamp + 365 days);
        terms.reviewSec = 30 days;
        uint256 sum = 16 * uint256(type(uint96).max);
        token.mint(client.addr, sum);
        bytes32 id = _fundAs(client.addr, terms);
        assertEq(token.balanceOf(address(jobs)), 5_000 + sum);
        vm.warp(terms.expiresAtSec);
        uint256 gas = gasleft();
        assertEq(jobs.claimRefund(id), sum);
        assertLt(gas - gasleft(), 500_000, "bounded by the steps");
        assertEq(jobs.balances(client.addr), sum);
    }

    function test_WhenHeHasNotAllowedTheSum_ItRefuses() public {
        vm.prank(client.addr);
        token.approve(address(jobs), 999);
        IJobs.Terms memory terms = _terms(_two(), 1);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(jobs), 999, 1_000)
        );
        _fundAs(client.addr, terms);
        assertEq(jobs.job(jobs.jobIdOf(client.addr, terms)).client, address(0));
    }

    function test_I4_WhenHeSignedAPermit_ItNeedsNoApprovalAndNotToBeFirst() public {
        IJobs.Terms memory terms = _terms(_two(), 1);
        vm.prank(client.addr);
        token.approve(address(jobs), 0);
        (uint8 v, bytes32 r, bytes32 s) = _permit(1_000, block.timestamp);
        bytes memory refused =
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(jobs), 0, 1_000);
        vm.expectRevert(refused);
        vm.prank(client.addr);
        jobs.fundWithPermit(terms, block.timestamp - 1, v, r, s);
        // I4: nobody spends another's permit.
        address thief = makeAddr("thief");
        vm.expectRevert(refused);
        vm.prank(thief);
        jobs.fundWithPermit(terms, block.timestamp, v, r, s);
        uint256 snapshot = vm.snapshotState();
        vm.prank(client.addr);
        jobs.fundWithPermit(terms, block.timestamp, v, r, s);
        assertEq(token.balanceOf(client.addr), 9_000);
        require(vm.revertToState(snapshot));
        // Somebody uses it first.
        token.permit(client.addr, address(jobs), 1_000, block.timestamp, v, r, s);
        vm.prank(client.addr);
        bytes32 id = jobs.fundWithPermit(terms, block.timestamp, v, r, s);
        _assertStatus(id, 0, IJobs.Status.Funded);
        assertEq(token.balanceOf(client.addr), 9_000);
    }

    function _permit(uint256 amount, uint256 deadlineSec) internal view returns (uint8 v, bytes32 r, bytes32 s) {
        return _signPermit(token, client, address(jobs), amount, deadlineSec);
    }
}

contract JobsFund_GivenAFundedJob is JobsTest {
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = _funded();
    }

    function test_WhenTheSameTermsAreFundedAgain_ItPaysOnce() public {
        IJobs.Terms memory terms = _terms(_two(), 1);
        vm.expectRevert(abi.encodeWithSelector(IJobs.JobExists.selector, id));
        _fundAs(client.addr, terms);
        // Not even when it is all over.
        _reject(evaluator, id, 0);
        _reject(evaluator, id, 1);
        vm.expectRevert(abi.encodeWithSelector(IJobs.JobExists.selector, id));
        _fundAs(client.addr, terms);
        assertEq(token.balanceOf(client.addr), 9_000);
        // Another salt and another client's same terms are other jobs.
        terms.salt = bytes32(uint256(2));
        assertTrue(_fundAs(client.addr, terms) != id);
        terms.salt = bytes32(uint256(1));
        assertTrue(_fundAs(stranger, terms) != id);
    }

    function test_WhenAForkChangesTheChain_ItKeepsItsId() public {
        IJobs.Terms memory terms = _terms(_two(), 1);
        vm.chainId(4242);
        vm.expectRevert(abi.encodeWithSelector(IJobs.JobExists.selector, id));
        _fundAs(client.addr, terms);
    }
}
