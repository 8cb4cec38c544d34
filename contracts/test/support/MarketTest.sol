// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Market} from "../../src/Market.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {WeftTest} from "./WeftTest.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Vm} from "forge-std/Vm.sol";

/// An asset that its maker may sell, and buyers with money.
abstract contract MarketTest is WeftTest {
    uint96 internal constant PRICE = 1_000;

    Market internal market;
    Vm.Wallet internal buyer;
    address internal second = makeAddr("a second owner");

    function setUp() public virtual override {
        super.setUp();
        market = new Market(assets, revenue);
        buyer = vm.createWallet("buyer");
        _allow(owner);
        _rich(buyer.addr);
        _rich(second);
    }

    function _allow(address seller) internal {
        vm.prank(seller);
        assets.setApprovalForAll(address(market), true);
    }

    function _rich(address who) internal {
        token.mint(who, 10_000);
        vm.prank(who);
        token.approve(address(market), type(uint256).max);
    }

    function _money() internal view returns (IERC20) {
        return IERC20(address(token));
    }

    function _ask(address seller, IERC20 money, uint96 price) internal {
        vm.prank(seller);
        market.ask(asset, money, price, _expiry());
    }

    function _deal() internal view returns (IMarket.Deal memory) {
        return IMarket.Deal(_money(), PRICE, 1, 0);
    }

    function _buy(address who, IMarket.Deal memory deal) internal {
        vm.prank(who);
        market.buy(asset, deal);
    }

    function _offer(address who, IERC20 money, uint96 price, uint16 saleBps) internal {
        vm.prank(who);
        market.offer(asset, money, price, saleBps, _expiry());
    }

    function _accept(address seller, address who, IERC20 money, uint96 price) internal {
        vm.prank(seller);
        market.accept(asset, who, money, price);
    }

    /// The asset is the second owner's, and its maker gets a tenth whenever it is sold.
    function _sellOn(uint16 saleBps) internal {
        vm.startPrank(owner);
        assets.setSaleRoyalty(asset, saleBps);
        assets.transferFrom(owner, second, asset);
        vm.stopPrank();
        _allow(second);
    }

    /// The sale fails for this reason; asset, ask and money stay where they were.
    function _expectNoSale(address who, IMarket.Deal memory deal, bytes memory reason) internal {
        address before = assets.ownerOf(asset);
        uint256 money = token.balanceOf(who);
        vm.expectRevert(reason);
        _buy(who, deal);
        assertEq(assets.ownerOf(asset), before);
        assertEq(token.balanceOf(who), money);
    }
}
