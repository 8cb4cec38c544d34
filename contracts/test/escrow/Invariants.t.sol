// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Assets} from "../../src/Assets.sol";
import {Escrow} from "../../src/Escrow.sol";
import {TestToken} from "../../src/TestToken.sol";
import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {IRevenue} from "../../src/interfaces/IRevenue.sol";
import {Indexer} from "../support/Indexer.sol";
import {Market} from "../support/Market.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Test} from "forge-std/Test.sol";

/// The escrow alone, more closely than in `Economy.t.sol`: its events tell its whole state, and every voucher stays good.
/// Whatever a market of four people, three assets, honest moves and attacks does, in whatever order.
contract EscrowInvariants_GivenAMarketOfFourPeople is Test {
    TestToken internal token;
    Assets internal assets;
    Escrow internal escrow;
    IRevenue internal revenue;
    Market internal market;

    function setUp() public {
        vm.warp(1_900_000_000);
        token = new TestToken();
        assets = new Assets();
        escrow = new Escrow(IERC20(address(token)), assets, 1 hours, address(0x60));
        revenue = escrow.revenue();
        market = new Market(token, assets, escrow);
        targetContract(address(market));
        bytes4[] memory moves = new bytes4[](24);
        // Those that lead somewhere more often.
        moves[0] = moves[1] = market.deposit.selector;
        moves[2] = moves[3] = moves[4] = market.open.selector;
        moves[5] = moves[6] = moves[7] = market.sign.selector;
        moves[8] = moves[9] = moves[10] = market.claim.selector;
        moves[11] = moves[12] = market.steal.selector;
        moves[13] = market.intrude.selector;
        moves[14] = market.topUp.selector;
        moves[15] = market.extend.selector;
        moves[16] = market.close.selector;
        moves[17] = market.giveUp.selector;
        moves[18] = market.reclaim.selector;
        moves[19] = market.transfer.selector;
        moves[20] = market.setOperator.selector;
        moves[21] = market.release.selector;
        moves[22] = market.takeRevenue.selector;
        moves[23] = market.wait.selector;
        bytes4[] memory rest = new bytes4[](2);
        rest[0] = market.withdraw.selector;
        rest[1] = market.donate.selector;
        targetSelector(FuzzSelector(address(market), moves));
        targetSelector(FuzzSelector(address(market), rest));
    }

    /// One function for all, since a campaign is what costs: this one looks at every channel after every move. What is
    /// set here for the default profile would hold in the others, too, if they did not say so themselves.
    /// forge-config: default.invariant.runs = 64
    /// forge-config: default.invariant.depth = 60
    /// forge-config: deep.invariant.runs = 500
    /// forge-config: deep.invariant.depth = 120
    /// forge-config: mutants.invariant.runs = 12
    /// forge-config: mutants.invariant.depth = 40
    function invariant_I1_I2_I3_I5_WhenAnythingHappensInAnyOrder_ItKeepsMoneyConservedBoundedAndClaimableAndNeverRunsBackwards()
        public
    {
        uint256 held = _checkChannels();
        uint256 free;
        for (uint256 i; i < 4; ++i) {
            address person = market.people(i);
            free += escrow.balances(person) + revenue.balances(person);
            _checkPerson(person);
        }
        (uint256 earned, uint256 collected) = market.incomes();
        // I1: liabilities and donations are what is there, to the last unit.
        assertEq(
            token.balanceOf(address(escrow)), free + held + (earned - collected) + market.donated(), "I1 conservation"
        );
        _checkIncomes();
    }

    function _checkChannels() internal returns (uint256 held) {
        Indexer indexer = market.indexer();
        uint256 count = market.channelCount();
        for (uint256 i; i < count; ++i) {
            bytes32 id = market.ids(i);
            IEscrow.Channel memory c = escrow.channel(id);
            Market.Known memory k = market.known(id);
            // I2
            assertLe(c.claimed, c.deposited, "I2 claimed above deposited");
            uint256 authorised = k.highestSigned > k.agreed ? k.highestSigned : k.agreed;
            assertLe(c.claimed, authorised, "I2 claimed above what was signed");
            // The rest of I3 the market watches after each move.
            assertTrue(c.status != IEscrow.Status.None, "I3 a channel vanished");
            // Events tell the whole state.
            assertEq(keccak256(abi.encode(indexer.channel(id))), keccak256(abi.encode(c)), "events and state differ");
            if (c.status == IEscrow.Status.Open) held += c.deposited - c.claimed;
        }
        // I5, of one channel after each move, and of all after the last.
        if (count > 0) market.redeem(market.ids(uint256(keccak256(abi.encode(held, block.timestamp))) % count));
    }

    function _checkPerson(address person) internal view {
        Indexer indexer = market.indexer();
        assertEq(indexer.free(person), escrow.balances(person), "events and balance differ");
        assertEq(indexer.revenueOf(person), revenue.balances(person), "events and revenue differ");
        // I4: what somebody owns here is what he put in, less what he took out and what his own vouchers paid,
        // plus what his assets earned: nobody else moved any of it.
        assertEq(int256(_owned(person)), market.owed(person), "I4 somebody else's money moved");
    }

    function _owned(address person) internal view returns (uint256 sum) {
        sum = escrow.balances(person) + revenue.balances(person);
        for (uint256 i; i < market.channelCount(); ++i) {
            bytes32 id = market.ids(i);
            IEscrow.Channel memory c = escrow.channel(id);
            bool own = market.known(id).terms.payer == person;
            if (own && c.status == IEscrow.Status.Open) sum += c.deposited - c.claimed;
        }
        for (uint64 asset = 1; asset <= 3; ++asset) {
            for (uint32 tenure = 1; tenure <= assets.tenureOf(asset); ++tenure) {
                if (assets.ownerAt(asset, tenure) != person) continue;
                (uint256 earned, uint256 collected) = escrow.income(asset, tenure);
                sum += earned - collected;
            }
        }
    }

    function _checkIncomes() internal view {
        Indexer indexer = market.indexer();
        for (uint64 asset = 1; asset <= 3; ++asset) {
            for (uint32 tenure = 1; tenure <= assets.tenureOf(asset); ++tenure) {
                (uint256 earned, uint256 collected) = escrow.income(asset, tenure);
                bytes32 key = indexer.key(asset, tenure);
                assertEq(indexer.earned(key), earned, "events and income differ");
                assertEq(indexer.collected(key), collected, "events and collected income differ");
            }
        }
    }

    /// I5: from wherever a run ended, everybody gets everything out with no help from anybody.
    function afterInvariant() public {
        for (uint256 i; i < market.channelCount(); ++i) {
            market.redeem(market.ids(i));
        }
        vm.warp(block.timestamp + 90 days + 7 days);
        IEscrow.Terms[] memory one = new IEscrow.Terms[](1);
        for (uint256 i; i < market.channelCount(); ++i) {
            one[0] = market.known(market.ids(i)).terms;
            escrow.reclaim(one);
        }
        for (uint64 asset = 1; asset <= 3; ++asset) {
            for (uint32 tenure = 1; tenure <= assets.tenureOf(asset); ++tenure) {
                revenue.release(asset, tenure);
            }
        }
        for (uint256 i; i < 4; ++i) {
            address person = market.people(i);
            vm.startPrank(person);
            escrow.withdraw(escrow.balances(person), person);
            revenue.withdraw(revenue.balances(person), person);
            vm.stopPrank();
        }
        assertEq(token.balanceOf(address(escrow)), market.donated(), "I5 money was left behind");
    }
}
