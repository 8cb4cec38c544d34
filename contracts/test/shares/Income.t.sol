// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IShares} from "../../src/interfaces/IShares.sol";
import {SharesTest} from "../support/SharesTest.sol";

contract SharesIncome_GivenShareholders is SharesTest {
    function test_WhenIncomeIsCollected_ItDividesItProRataAndAcrossTransfers() public {
        _give(owner, ann, 250);
        _earn(1_000);
        assertEq(shares.collect(), 1_000);
        // Given before the transfer: stays ann's.
        _give(ann, ben, 250);
        _earn(400);
        shares.collect();
        assertEq(shares.owedTo(owner), 750 + 300);
        assertEq(shares.owedTo(ann), 250);
        assertEq(shares.owedTo(ben), 100);
        vm.prank(ann);
        assertEq(shares.withdraw(ann), 250);
        vm.prank(ben);
        shares.withdraw(ann);
        assertEq(token.balanceOf(ann), 350);
        assertEq(shares.owedTo(ann), 0);
        vm.expectRevert(abi.encodeWithSelector(IShares.NothingOwed.selector, ann));
        vm.prank(ann);
        shares.withdraw(ann);
    }

    function test_WhenThereIsNothingToCollect_ItChangesNothing() public {
        assertEq(shares.collect(), 0);
        assertEq(shares.owedTo(owner), 0);
    }

    function test_WhenAHolderTransfersToHimself_ItGivesHimNothing() public {
        _earn(1_000);
        shares.collect();
        _give(owner, owner, SUPPLY);
        assertEq(shares.owedTo(owner), 1_000);
        _give(owner, owner, SUPPLY);
        assertEq(shares.owedTo(owner), 1_000);
    }

    /// Any transfers between any amounts of income: nobody is owed more than came, and no more than dust is left.
    function testFuzz_WhenSharesMoveBetweenIncomes_ItNeverOwesMoreThanCame(uint256 seed, uint8 steps) public {
        address[3] memory holders = [owner, ann, ben];
        uint256 came;
        for (uint256 i; i < uint256(steps) % 24; ++i) {
            uint256 n = uint256(keccak256(abi.encode(seed, i)));
            if (n % 3 == 0) {
                uint96 amount = uint96((n >> 8) % 10_000 + 1);
                _earn(amount);
                came += shares.collect();
            } else if (n % 3 == 1) {
                address from = holders[(n >> 8) % 3];
                _give(from, holders[(n >> 16) % 3], (n >> 24) % (shares.balanceOf(from) + 1));
            } else {
                address holder = holders[(n >> 8) % 3];
                if (shares.owedTo(holder) > 0) {
                    vm.prank(holder);
                    came -= shares.withdraw(holder);
                }
            }
        }
        uint256 owed = shares.owedTo(owner) + shares.owedTo(ann) + shares.owedTo(ben);
        assertLe(owed, came);
        assertLe(came - owed, 2); // three floors
        assertEq(token.balanceOf(address(shares)), came);
    }

    function test_WhenNothingReturnsFromTheRecipient_ItRefuses() public {
        _earn(10);
        shares.collect();
        address[4] memory bad = [address(0), address(shares), address(revenue), address(escrow)];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IShares.BadRecipient.selector, bad[i]));
            vm.prank(owner);
            shares.withdraw(bad[i]);
        }
    }

    function test_WhenOneHoldsEveryShare_ItGivesHimTheAssetAndLosesNoIncome() public {
        _give(owner, ann, 1);
        vm.expectRevert(abi.encodeWithSelector(IShares.NotAllShares.selector, owner, SUPPLY - 1, SUPPLY));
        vm.prank(owner);
        shares.redeem();
        _earn(1_000);
        shares.collect();
        _give(ann, owner, 1);
        _earn(50);
        vm.prank(owner);
        shares.redeem();
        assertEq(assets.ownerOf(asset), owner);
        // What came before is still divided as it was; what was released and not fetched is the redeemer's.
        shares.collect();
        assertEq(shares.owedTo(owner), 999 + 50);
        assertEq(shares.owedTo(ann), 1);
        vm.prank(owner);
        shares.withdraw(owner);
        vm.expectRevert(IShares.NotIssued.selector);
        vm.prank(owner);
        shares.redeem();
    }
}
