// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMarket} from "../../src/interfaces/IMarket.sol";
import {MarketTest} from "../support/MarketTest.sol";

contract MarketSaleRoyalty_GivenAnAssetThatItsMakerSoldOn is MarketTest {
    function setUp() public override {
        super.setUp();
        _sellOn(1_000);
    }

    function test_WhenItIsSoldAgain_ItPaysTheMakerHisShareOfThePrice() public {
        _offer(buyer.addr, _money(), 999, 1_000);
        vm.expectEmit(address(market));
        emit IMarket.Sold(asset, second, buyer.addr, 2, _money(), 999, owner, 99);
        _accept(second, buyer.addr, _money(), 999);
        assertEq(token.balanceOf(owner), 99);
        assertEq(token.balanceOf(second), 10_000 + 900);
    }

    function test_WhenTheMakerBuysItBack_ItCostsHimThePriceLessHisShare() public {
        _rich(owner);
        _ask(second, _money(), PRICE);
        _buy(owner, IMarket.Deal(_money(), PRICE, 2, 1_000));
        assertEq(assets.ownerOf(asset), owner);
        assertEq(token.balanceOf(owner), 10_000 - 900);
        assertEq(token.balanceOf(second), 10_000 + 900);
        // And sold again by him, in a later tenure, it is his price whole.
        _ask(owner, _money(), PRICE);
        vm.expectEmit(address(market));
        emit IMarket.Sold(asset, owner, buyer.addr, 3, _money(), PRICE, owner, 0);
        _buy(buyer.addr, IMarket.Deal(_money(), PRICE, 3, 1_000));
        assertEq(token.balanceOf(owner), 10_000 - 900 + PRICE);
    }
}
