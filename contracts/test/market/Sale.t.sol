// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../../src/Escrow.sol";
import {Market} from "../../src/Market.sol";
import {Portion} from "../../src/Portion.sol";
import {IAssets} from "../../src/interfaces/IAssets.sol";
import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {IRevenue} from "../../src/interfaces/IRevenue.sol";
import {BlockingToken} from "../support/HostileTokens.sol";
import {MarketTest} from "../support/MarketTest.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

contract MarketSale_GivenAnAssetThatEarns is MarketTest {
    function _earn(uint32 tenure, address by, uint64 amount) internal {
        IEscrow.Terms memory t = IEscrow.Terms(payer, signer.addr, asset, tenure, amount);
        _open(t, amount);
        IEscrow.Claim[] memory claims = _one(_claimOf(t, amount));
        vm.prank(by);
        escrow.claim(claims);
    }

    function test_WhenItIsSold_ItEndsWhatTheOldOwnerMayDoAndKeepsWhatHeEarned() public {
        vm.prank(owner);
        assets.publish(asset, keccak256("listing"), 1);
        IEscrow.Terms memory late = IEscrow.Terms(payer, signer.addr, asset, 1, 77);
        _open(late, 50);
        _earn(1, operator.addr, 300);
        _ask(owner, _money(), PRICE);
        vm.expectEmit(address(revenue));
        emit IRevenue.Released(asset, 1, owner, 300, 300, 0, new Portion[](0));
        _buy(buyer.addr, _deal());
        assertEq(revenue.balances(owner), 300);
        // Neither publish …
        assertEq(assets.head(asset).listing, bytes32(0));
        vm.startPrank(owner);
        bytes memory notOwner = abi.encodeWithSelector(IAssets.NotOwner.selector, asset, owner);
        vm.expectRevert(notOwner);
        assets.publish(asset, keccak256("again"), 2);
        vm.expectRevert(notOwner);
        assets.setOperator(asset, address(0xBAD));
        vm.stopPrank();
        // … nor collect what is earned later, nor sign for it …
        vm.prank(buyer.addr);
        assets.setOperator(asset, address(0xB0B));
        _earn(2, address(0xB0B), 70);
        assertFalse(assets.actsFor(asset, 2, owner));
        assertFalse(assets.actsFor(asset, 2, operator.addr));
        revenue.release(asset, 2);
        assertEq(revenue.balances(buyer.addr), 70);
        // … but what was earned in his tenure stays his, claimed before or after, and he takes it out.
        _claim(late, 50);
        revenue.release(asset, 1);
        assertEq(revenue.balances(owner), 350);
        vm.prank(owner);
        revenue.withdraw(350, owner);
        assertEq(token.balanceOf(owner), PRICE + 350);
    }

    function test_T13_WhenATokenBlocksTheEscrow_ItIsSoldAllTheSame() public {
        BlockingToken blocking = new BlockingToken();
        escrow = new Escrow(IERC20(address(blocking)), assets, WINDOW, governance);
        revenue = escrow.revenue();
        market = new Market(assets, revenue);
        _allow(owner);
        _rich(buyer.addr);
        blocking.mint(payer, 300);
        vm.startPrank(payer);
        blocking.approve(address(escrow), 300);
        escrow.deposit(300);
        vm.stopPrank();
        _earn(1, operator.addr, 300);
        blocking.setBlocked(address(escrow), true);
        _ask(owner, _money(), PRICE);
        _buy(buyer.addr, _deal());
        assertEq(assets.ownerOf(asset), buyer.addr);
        assertEq(revenue.balances(owner), 300);
    }

    /// Whatever makes a release fail.
    function test_T13_WhenTheReleaseFails_ItIsSoldAllTheSame() public {
        _earn(1, operator.addr, 300);
        _ask(owner, _money(), PRICE);
        vm.mockCallRevert(address(revenue), abi.encodeCall(IRevenue.release, (asset, 1)), "no");
        _buy(buyer.addr, _deal());
        vm.clearMockedCalls();
        assertEq(assets.ownerOf(asset), buyer.addr);
        revenue.release(asset, 1);
        assertEq(revenue.balances(owner), 300);
    }
}
