// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Assets} from "../src/Assets.sol";
import {Escrow} from "../src/Escrow.sol";
import {Jobs} from "../src/Jobs.sol";
import {TestToken} from "../src/TestToken.sol";
import {IJobs} from "../src/interfaces/IJobs.sol";
import {IRevenue} from "../src/interfaces/IRevenue.sol";
import {JobMarket} from "./support/JobMarket.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Test} from "forge-std/Test.sol";

/// Whatever clients, providers, evaluators and thieves do with jobs, in whatever order.
contract JobsInvariantsTest is Test {
    TestToken internal token;
    Assets internal assets;
    Escrow internal escrow;
    Jobs internal jobs;
    IRevenue internal revenue;
    JobMarket internal market;
    address internal treasury = makeAddr("treasury");

    function setUp() public {
        vm.warp(1_900_000_000);
        token = new TestToken();
        assets = new Assets();
        escrow = new Escrow(IERC20(address(token)), assets, 1 hours, address(this));
        revenue = escrow.revenue();
        revenue.setFee(300, treasury);
        jobs = new Jobs(escrow);
        market = new JobMarket(token, assets, jobs);
        targetContract(address(market));
        bytes4[] memory moves = new bytes4[](15);
        // Those that lead somewhere more often.
        moves[0] = moves[1] = moves[2] = market.fund.selector;
        moves[3] = moves[4] = moves[5] = market.submit.selector;
        moves[6] = moves[7] = market.complete.selector;
        moves[8] = market.reject.selector;
        moves[9] = market.claimPayment.selector;
        moves[10] = market.claimRefund.selector;
        moves[11] = market.withdraw.selector;
        moves[12] = market.transfer.selector;
        moves[13] = market.attack.selector;
        moves[14] = market.wait.selector;
        bytes4[] memory rest = new bytes4[](1);
        rest[0] = market.donate.selector;
        targetSelector(FuzzSelector(address(market), moves));
        targetSelector(FuzzSelector(address(market), rest));
    }

    /// One function for all, since a campaign is what costs.
    function invariant_I1_I2_I3_I4_jobsHoldWhatIsOpenAndPayTheRightOnes() public view {
        uint256 waiting;
        for (uint256 i; i < market.PEOPLE(); ++i) {
            address client = market.person(i);
            waiting += jobs.balances(client);
            // I4: a client gets back what ended without payment of his own, and nobody else gets any.
            assertEq(jobs.balances(client) + market.taken(client), market.refunded(client), "I4 balances");
        }
        assertEq(jobs.balances(market.EVALUATOR()), 0, "I4 the evaluator has money");
        assertEq(token.balanceOf(market.EVALUATOR()), 0, "I4 the evaluator has money");
        // I1: to the last unit.
        uint256 held = token.balanceOf(address(jobs));
        assertEq(held, market.open() + waiting + market.donated(), "I1 solvency");
        assertEq(held + market.released() + market.withdrawn(), market.funded() + market.donated(), "I1 conservation");
        // I2: what providers earned is in Revenue: owners', treasury's, or waiting for a parent's release.
        assertEq(token.balanceOf(address(escrow)), market.released(), "I2 Revenue");
        assertEq(_owed(), market.released(), "I2 shares of the income");
        assertEq(token.allowance(address(jobs), address(escrow)), 0, "an allowance stayed");
    }

    /// I3: its terms never changed.
    function _checkTerms(bytes32 id) internal view {
        IJobs.Terms memory terms = market.termsOf(id);
        IJobs.Job memory j = jobs.job(id);
        assertEq(j.evaluator, terms.evaluator, "I3 evaluator");
        assertEq(j.expiresAtSec, terms.expiresAtSec, "I3 expiry");
        assertEq(j.reviewSec, terms.reviewSec, "I3 review");
        assertEq(j.steps, terms.orders.length, "I3 steps");
        for (uint256 k; k < j.steps; ++k) {
            IJobs.Step memory s = jobs.stepOf(id, k);
            assertEq(s.asset, terms.orders[k].asset, "I3 asset");
            assertEq(s.tenure, terms.orders[k].tenure, "I3 tenure");
            assertEq(s.amount, terms.orders[k].amount, "I3 amount");
        }
    }

    function _owed() internal view returns (uint256 sum) {
        sum = revenue.balances(treasury);
        for (uint256 i; i < market.PEOPLE(); ++i) {
            sum += revenue.balances(market.person(i));
        }
        for (uint64 asset = 1; asset <= 3; ++asset) {
            for (uint32 tenure = 1; tenure <= assets.tenureOf(asset); ++tenure) {
                (uint128 credited, uint128 released) = revenue.royalties(asset, tenure);
                sum += credited - released;
            }
        }
    }

    /// I5: from wherever a run ended, everything comes out with no help of any evaluator, provider or client.
    function afterInvariant() public {
        market.finish();
        for (uint256 i; i < market.count(); ++i) {
            _checkTerms(market.ids(i));
        }
        assertEq(market.open(), 0, "I5 something is still open");
        assertEq(token.balanceOf(address(jobs)), market.donated(), "I5 money was left behind");
        invariant_I1_I2_I3_I4_jobsHoldWhatIsOpenAndPayTheRightOnes();
    }

    /// The campaign means something: a hand-made run reaches every end of a step.
    function test_theMarketReachesEveryEnd() public {
        uint96[4] memory amounts = [uint96(10), 20, 30, 40];
        market.fund(1, amounts, 3, 1, 0);
        for (uint256 i; i < 3; ++i) {
            market.submit(i << 128);
        }
        market.complete(0, 5);
        market.complete(1 << 128, 20);
        market.reject(1, true);
        market.fund(2, amounts, 1, 1, 0);
        market.submit(0);
        market.wait(9 days);
        market.claimPayment(0, 3);
        market.claimRefund(1, 3);
        market.withdraw(1, 2, 5);
        market.attack(0, 0, 5, 0);
        uint256[6] memory ends;
        for (uint256 i; i < market.count(); ++i) {
            for (uint256 k; k < jobs.job(market.ids(i)).steps; ++k) {
                ++ends[uint8(jobs.stepOf(market.ids(i), k).status)];
            }
        }
        assertGt(ends[uint8(IJobs.Status.Completed)], 2);
        assertGt(ends[uint8(IJobs.Status.Rejected)], 0);
        assertGt(ends[uint8(IJobs.Status.Expired)], 0);
        invariant_I1_I2_I3_I4_jobsHoldWhatIsOpenAndPayTheRightOnes();
        afterInvariant();
    }
}
