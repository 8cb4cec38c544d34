// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMarket} from "../../src/interfaces/IMarket.sol";
import {MarketTest} from "../support/MarketTest.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

contract MarketAsk_GivenAnAsset is MarketTest {
    function test_WhenTheCallerIsNotItsOwnerOrAsksForNothing_ItRefuses() public {
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotOwner.selector, asset, stranger));
        _ask(stranger, _money(), PRICE);
        vm.expectRevert(abi.encodeWithSelector(IMarket.ZeroPrice.selector, asset));
        _ask(owner, _money(), 0);
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotAContract.selector, stranger));
        _ask(owner, IERC20(stranger), PRICE);
        vm.expectRevert(abi.encodeWithSelector(IMarket.Expired.selector, asset, block.timestamp));
        vm.prank(owner);
        market.ask(asset, _money(), PRICE, uint40(block.timestamp));
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 99));
        vm.prank(owner);
        market.ask(99, _money(), PRICE, _expiry());
    }

    function test_WhenTheAskIsWithdrawn_ItSellsNoMore() public {
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotForSale.selector, asset));
        vm.prank(owner);
        market.withdrawAsk(asset);
        _ask(owner, _money(), PRICE);
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotOwner.selector, asset, stranger));
        vm.prank(stranger);
        market.withdrawAsk(asset);
        vm.expectEmit(address(market));
        emit IMarket.AskWithdrawn(asset);
        vm.prank(owner);
        market.withdrawAsk(asset);
        _expectNoSale(buyer.addr, _deal(), abi.encodeWithSelector(IMarket.NotForSale.selector, asset));
    }
}
