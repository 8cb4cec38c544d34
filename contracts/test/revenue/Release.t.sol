// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Portion} from "../../src/Portion.sol";
import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {IRevenue} from "../../src/interfaces/IRevenue.sol";
import {ClaimedChannelTest} from "../support/ClaimedChannelTest.sol";

contract RevenueRelease_GivenIncome is ClaimedChannelTest {
    function test_WhenAnybodyReleasesIt_ItCreditsTheOwnerOfTheTenure() public {
        uint256 held = token.balanceOf(address(escrow));
        vm.expectEmit(address(escrow));
        emit IEscrow.Collected(asset, 1, 300);
        vm.expectEmit(address(revenue));
        emit IRevenue.Released(asset, 1, owner, 300, 300, 0, new Portion[](0));
        vm.prank(stranger);
        assertEq(revenue.release(asset, 1), 300);
        assertEq(revenue.balances(owner), 300);
        (uint256 earned, uint256 collected) = escrow.income(asset, 1);
        assertEq(earned, 300);
        assertEq(collected, 300);
        // It only counts: the tokens leave when the owner takes them.
        assertEq(token.balanceOf(address(escrow)), held);
    }

    function test_WhenItIsReleasedAgainAndAgain_ItPaysEveryUnitOnce() public {
        revenue.release(asset, 1);
        assertEq(revenue.release(asset, 1), 0);
        _claim(t, 450);
        assertEq(revenue.release(asset, 1), 150);
        assertEq(revenue.balances(owner), 450);
    }

    function test_WhenTheAssetWasSold_ItPaysEachTenureItsOwner() public {
        vm.prank(owner);
        assets.transferFrom(owner, stranger, asset);
        vm.prank(stranger);
        assets.setOperator(asset, address(0xB0B));
        IEscrow.Terms memory t2 = IEscrow.Terms(payer, signer.addr, asset, 2, 1);
        _open(t2, 100);
        IEscrow.Claim[] memory claims = _one(_claimOf(t2, 70));
        vm.prank(address(0xB0B));
        escrow.claim(claims);
        _claim(t, 310);
        revenue.release(asset, 1);
        revenue.release(asset, 2);
        assertEq(revenue.balances(owner), 310);
        assertEq(revenue.balances(stranger), 70);
    }

    function test_WhenTheTenureNeverWas_ItRefuses() public {
        uint32[3] memory bad = [uint32(0), 2, type(uint32).max];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IRevenue.UnknownTenure.selector, asset, bad[i]));
            revenue.release(asset, bad[i]);
        }
        vm.expectRevert(abi.encodeWithSelector(IRevenue.UnknownTenure.selector, 0, 0));
        revenue.release(0, 0);
    }

    function test_T15_WhenSomebodyDonated_ItGivesTheDonationToNobody() public {
        token.mint(address(revenue), 50);
        revenue.release(asset, 1);
        assertEq(revenue.balances(owner), 300);
    }
}
