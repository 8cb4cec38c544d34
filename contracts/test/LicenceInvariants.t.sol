// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Assets} from "../src/Assets.sol";
import {Escrow} from "../src/Escrow.sol";
import {Licences} from "../src/Licences.sol";
import {TestToken} from "../src/TestToken.sol";
import {LicenceMarket} from "./support/LicenceMarket.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Test} from "forge-std/Test.sol";

/// Whatever sellers, buyers and holders of licences do, in whatever order.
contract LicenceInvariantsTest is Test {
    TestToken internal token;
    Assets internal assets;
    Escrow internal escrow;
    Licences internal licences;
    LicenceMarket internal market;

    function setUp() public {
        vm.warp(1_900_000_000);
        token = new TestToken();
        assets = new Assets();
        escrow = new Escrow(IERC20(address(token)), assets, 1 hours, address(0x60));
        licences = new Licences(escrow);
        market = new LicenceMarket(token, assets, escrow, licences);
        targetContract(address(market));
        bytes4[] memory moves = new bytes4[](20);
        // Those that lead somewhere more often.
        moves[0] = moves[1] = moves[2] = market.buy.selector;
        moves[3] = market.buyAgain.selector;
        moves[4] = moves[5] = market.claim.selector;
        moves[6] = market.seal.selector;
        moves[7] = market.renew.selector;
        moves[8] = market.setSigner.selector;
        moves[9] = market.transfer.selector;
        moves[10] = market.refund.selector;
        moves[11] = market.revoke.selector;
        moves[12] = market.reclaim.selector;
        moves[13] = moves[14] = market.push.selector;
        moves[15] = market.withdraw.selector;
        moves[16] = market.sellAsset.selector;
        moves[17] = moves[18] = market.wait.selector;
        moves[19] = market.intrude.selector;
        bytes4[] memory rest = new bytes4[](1);
        rest[0] = market.donate.selector;
        targetSelector(FuzzSelector(address(market), moves));
        targetSelector(FuzzSelector(address(market), rest));
    }

    /// What each move did to its licence the market checks itself. This is about all money together.
    /// forge-config: default.invariant.runs = 256
    /// forge-config: default.invariant.depth = 100
    function invariant_I1_I2_moneyIsConservedAndOnlyWhatRanOffLeaves() public view {
        uint256 refunds;
        for (uint256 i; i < 3; ++i) {
            refunds += licences.refunds(market.people(i));
        }
        assertEq(refunds, market.refunded() - market.withdrawn(), "I4 refunds");
        // I1: to the last unit.
        uint256 pushed = token.balanceOf(address(escrow));
        uint256 running = market.paid() - market.refunded() - pushed;
        assertEq(token.balanceOf(address(licences)), running + refunds + market.donated(), "I1 conservation");
        uint256 due;
        for (uint32 tenure = 1; tenure <= assets.tenureOf(1); ++tenure) {
            due += licences.due(1, tenure);
        }
        assertLe(pushed + due, _earned(), "I2 more left than was earned");
    }

    function _earned() internal view returns (uint256 sum) {
        for (uint256 i; i < market.count(); ++i) {
            sum += market.earnedOf(i);
        }
    }

    /// I5: from wherever a run ended, everybody gets everything out with no help from anybody.
    function afterInvariant() public {
        for (uint256 i; i < market.count(); ++i) {
            market.check(i);
        }
        vm.warp(block.timestamp + 3 * 366 days);
        for (uint256 i; i < market.count(); ++i) {
            market.check(i);
            market.reclaim(i);
            market.push(i);
        }
        for (uint256 i; i < 3; ++i) {
            address person = market.people(i);
            uint256 amount = licences.refunds(person);
            vm.prank(person);
            licences.withdraw(amount, person);
        }
        assertEq(token.balanceOf(address(licences)), market.donated(), "I5 money was left behind");
    }
}
