// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMarket} from "../../src/interfaces/IMarket.sol";
import {MarketTest} from "../support/MarketTest.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

contract MarketOffer_GivenAnAsset is MarketTest {
    function test_WhenAnOfferIsOfNothingOrForNoAsset_ItRefuses() public {
        vm.startPrank(buyer.addr);
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotForSale.selector, 99));
        market.offer(99, _money(), PRICE, 0, _expiry());
        vm.expectRevert(abi.encodeWithSelector(IMarket.ZeroPrice.selector, asset));
        market.offer(asset, _money(), 0, 0, _expiry());
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotAContract.selector, stranger));
        market.offer(asset, IERC20(stranger), PRICE, 0, _expiry());
        vm.expectRevert(abi.encodeWithSelector(IMarket.Expired.selector, asset, block.timestamp));
        market.offer(asset, _money(), PRICE, 0, uint40(block.timestamp));
    }

    function test_WhenItsOwnerAcceptsAnOffer_ItSellsToWhoOffered() public {
        vm.expectEmit(address(market));
        emit IMarket.Offered(asset, buyer.addr, _money(), 1, PRICE, 0, _expiry());
        _offer(buyer.addr, _money(), PRICE, 0);
        vm.expectEmit(address(market));
        emit IMarket.Sold(asset, owner, buyer.addr, 1, _money(), PRICE, owner, 0);
        _accept(owner, buyer.addr, _money(), PRICE);
        assertEq(assets.ownerOf(asset), buyer.addr);
        assertEq(token.balanceOf(owner), PRICE);
        (uint96 left,,,) = market.offers(asset, buyer.addr, _money());
        assertEq(left, 0);
        // Once.
        _allow(buyer.addr);
        vm.expectRevert(abi.encodeWithSelector(IMarket.NoOffer.selector, asset, buyer.addr, address(token)));
        _accept(buyer.addr, buyer.addr, _money(), PRICE);
    }
}

contract MarketOffer_GivenAnAsset_GivenAnOfferForIt is MarketTest {
    function setUp() public override {
        super.setUp();
        _offer(buyer.addr, _money(), PRICE, 0);
    }

    function test_I4_WhenTheCallerIsNotItsOwnerOrTheBuyerNotWhoOffered_ItRefuses() public {
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotOwner.selector, asset, stranger));
        _accept(stranger, buyer.addr, _money(), PRICE);
        // The second owner lets the market move his money too, and offered nothing.
        vm.expectRevert(abi.encodeWithSelector(IMarket.NoOffer.selector, asset, second, address(token)));
        _accept(owner, second, _money(), PRICE);
        vm.expectRevert(abi.encodeWithSelector(IMarket.NoOffer.selector, asset, second, address(token)));
        _accept(owner, second, _money(), 0);
        // Another asset of the same seller's.
        uint64 other = _mint(owner, address(0));
        vm.expectRevert(abi.encodeWithSelector(IMarket.NoOffer.selector, other, buyer.addr, address(token)));
        vm.prank(owner);
        market.accept(other, buyer.addr, _money(), PRICE);
    }

    function test_WhenTheBuyerLoweredItInFrontOfTheSeller_ItRefuses() public {
        // The buyer lowers it in front of the seller.
        _offer(buyer.addr, _money(), 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IMarket.TermsChanged.selector, asset, address(token), 1, 1));
        _accept(owner, buyer.addr, _money(), PRICE);
        assertEq(assets.ownerOf(asset), owner);
    }

    function test_WhenItExpiredOrWasWithdrawnOrTheAssetTransferred_ItRefuses() public {
        uint40 end = _expiry();
        vm.warp(end);
        vm.expectRevert(abi.encodeWithSelector(IMarket.Expired.selector, asset, end));
        _accept(owner, buyer.addr, _money(), PRICE);
        _offer(buyer.addr, _money(), PRICE, 0);
        bytes memory none = abi.encodeWithSelector(IMarket.NoOffer.selector, asset, buyer.addr, address(token));
        vm.startPrank(buyer.addr);
        vm.expectEmit(address(market));
        emit IMarket.OfferWithdrawn(asset, buyer.addr, _money());
        market.withdrawOffer(asset, _money());
        vm.expectRevert(none);
        market.withdrawOffer(asset, _money());
        vm.stopPrank();
        vm.expectRevert(none);
        _accept(owner, buyer.addr, _money(), PRICE);
        _offer(buyer.addr, _money(), PRICE, 0);
        vm.prank(owner);
        assets.transferFrom(owner, second, asset);
        _allow(second);
        vm.expectRevert(none);
        _accept(second, buyer.addr, _money(), PRICE);
    }
}
