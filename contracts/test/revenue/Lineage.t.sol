// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {portion} from "../../src/Portion.sol";
import {IAssets} from "../../src/interfaces/IAssets.sol";
import {IRevenue} from "../../src/interfaces/IRevenue.sol";
import {LineageTest} from "../support/LineageTest.sol";

contract RevenueLineage_GivenAssetsBuiltFromOthers is LineageTest {
    function test_WhenIncomeIsReleased_ItCreditsOwnerAndParentsOneLevelATime() public {
        uint64 base = _mint(data, operator.addr);
        uint64 tuned = _child(model, _parents(base, 2_000));
        uint64 service = _child(owner, _parents(tuned, 3_000));
        _earn(service, 1_000);

        vm.expectEmit(address(revenue));
        emit IRevenue.Released(service, 1, owner, 700, 1_000, 0, _one(portion(tuned, 1, 300)));
        assertEq(revenue.release(service, 1), 700);
        assertEq(_waiting(base, 1), 0);

        vm.expectEmit(address(revenue));
        emit IRevenue.Released(tuned, 1, model, 240, 0, 300, _one(portion(base, 1, 60)));
        vm.prank(stranger);
        assertEq(revenue.release(tuned, 1), 240);

        assertEq(revenue.release(base, 1), 60);
        assertEq(revenue.balances(owner), 700);
        assertEq(revenue.balances(model), 240);
        assertEq(revenue.balances(data), 60);
    }

    function test_WhenTheLineageIsADiamond_ItPaysEveryPath() public {
        uint64 base = _mint(data, operator.addr);
        uint64 left = _child(model, _parents(base, 1_000));
        uint64 right = _child(model, _parents(base, 5_000));
        uint64 top = _child(owner, _parents(base, 1_000, left, 2_000));
        // A fourth, of all three.
        IAssets.Parent[] memory three = new IAssets.Parent[](3);
        three[0] = IAssets.Parent(uint48(base), 1_000);
        three[1] = IAssets.Parent(uint48(left), 2_000);
        three[2] = IAssets.Parent(uint48(right), 4_000);
        top = _child(owner, three);
        _earn(top, 1_000);
        revenue.release(top, 1);
        revenue.release(right, 1);
        revenue.release(left, 1);
        revenue.release(base, 1);
        // 100 itself, a tenth of 200, half of 400.
        assertEq(revenue.balances(data), 100 + 20 + 200);
        assertEq(revenue.balances(model), 180 + 200);
        assertEq(revenue.balances(owner), 300);
    }

    function test_WhenThereAreSixteenParents_ItPaysThemAll() public {
        IAssets.Parent[] memory list = new IAssets.Parent[](16);
        for (uint256 i; i < 16; ++i) {
            list[i] = IAssets.Parent(uint48(_mint(data, address(0))), uint16(i + 1));
        }
        uint64 child = _child(owner, list);
        _earn(child, 10_000);
        assertEq(revenue.release(child, 1), 10_000 - 136);
        for (uint256 i; i < 16; ++i) {
            assertEq(_waiting(list[i].asset, 1), i + 1);
        }
    }

    function test_WhenAPortionIsNoWholeUnit_ItLeavesTheDustToTheOwner() public {
        uint64 child = _child(model, _parents(asset, 3_333));
        _earn(child, 10);
        assertEq(revenue.release(child, 1), 7);
        _earn(child, 1);
        assertEq(revenue.release(child, 1), 1);
        assertEq(_waiting(asset, 1), 3);
    }

    function test_WhenAllGoesToTheParents_ItLeavesTheOwnerNothing() public {
        uint64 child = _child(model, _parents(asset, 10_000));
        _earn(child, 100);
        assertEq(revenue.release(child, 1), 0);
        assertEq(_waiting(asset, 1), 100);
    }

    function test_WhenIncomeIsReleasedTwice_ItGivesNothingTheSecondTime() public {
        uint64 child = _child(model, _parents(asset, 5_000));
        _earn(child, 100);
        revenue.release(child, 1);
        assertEq(revenue.release(child, 1), 0);
        assertEq(revenue.release(asset, 1), 50);
        vm.recordLogs();
        assertEq(revenue.release(asset, 1), 0);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(revenue.balances(owner), 50);
    }

    function test_WhenAParentIsSold_ItPaysItInTheTenureThatItIsInThen() public {
        uint64 child = _child(model, _parents(asset, 5_000));
        _earn(child, 100);
        revenue.release(child, 1);
        vm.prank(owner);
        assets.transferFrom(owner, stranger, asset);
        _earn(child, 100);
        revenue.release(child, 1);
        revenue.release(asset, 1);
        revenue.release(asset, 2);
        assertEq(revenue.balances(owner), 50);
        assertEq(revenue.balances(stranger), 50);
    }

    /// The packed counters of a tenure must not run into each other, nor a sum over 128 bits be taken for a small one.
    function test_WhenRoyaltiesWouldBeMoreThanItCanCount_ItRefuses() public {
        uint64 child = _child(model, _parents(asset, 10_000));
        token.mint(stranger, type(uint128).max);
        vm.startPrank(stranger);
        token.approve(address(escrow), type(uint256).max);
        revenue.pay(child, 1, type(uint128).max);
        assertEq(_waiting(asset, 1), type(uint128).max);
        token.mint(stranger, 1);
        vm.expectRevert(abi.encodeWithSelector(IRevenue.RoyaltiesTooHigh.selector, (uint256(asset) << 32) | 1));
        revenue.pay(child, 1, 1);
        revenue.release(asset, 1);
        assertEq(revenue.balances(owner), type(uint128).max);
    }

    /// Whatever the lineage and the order of releases: every unit goes to somebody, and nobody gets more than there was.
    function testFuzz_WhenReleasesComeInAnyOrder_ItAccountsForEveryUnit(
        uint96 amount,
        uint16 a,
        uint16 b,
        uint16 c,
        uint16 feeBps,
        uint8 order
    ) public {
        amount = uint96(bound(amount, 1, 900_000));
        a = uint16(bound(a, 1, 10_000));
        b = uint16(bound(b, 1, 9_999));
        c = uint16(bound(c, 1, 10_000 - b));
        vm.prank(governance);
        revenue.setFee(uint16(bound(feeBps, 0, 500)), treasury);
        uint64 base = _mint(data, operator.addr);
        uint64 tuned = _child(model, _parents(base, a));
        uint64 top = _child(stranger, _parents(base, b, tuned, c));
        _earn(top, amount);
        uint64[3] memory all = [top, tuned, base];
        // Once in any order, then from the top down, after which nothing waits.
        for (uint256 i; i < 3; ++i) {
            revenue.release(all[(order + i) % 3], 1);
        }
        for (uint256 i; i < 3; ++i) {
            revenue.release(all[i], 1);
        }
        uint256 sum =
            revenue.balances(data) + revenue.balances(model) + revenue.balances(stranger) + revenue.balances(treasury);
        assertEq(sum, amount);
        for (uint256 i; i < 3; ++i) {
            assertEq(_waiting(all[i], 1), 0);
        }
    }
}
