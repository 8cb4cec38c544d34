// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMarket} from "../../src/interfaces/IMarket.sol";
import {OwnerMoves} from "./OwnerMoves.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// Sellers and buyers of assets and of shares.
abstract contract TradeMoves is OwnerMoves {
    function setSaleRoyalty(uint256 asset, uint16 bps) external watched {
        uint64 a = _asset(asset);
        if (assets.tenureOf(a) != 1) return;
        vm.prank(assets.ownerOf(a));
        assets.setSaleRoyalty(a, bps % 1_001);
        _did("setSaleRoyalty");
    }

    /// Asks, and mostly somebody buys.
    function sell(uint256 asset, uint256 buyer, uint96 price, uint256 how) external watched {
        uint64 a = _asset(asset);
        address seller = assets.ownerOf(a);
        if (seller == address(shares)) return;
        price = 1 + price % 1e24;
        uint32 tenure = assets.tenureOf(a);
        vm.prank(seller);
        market.ask(a, _money(), price, uint40(block.timestamp + 1));
        _did("ask");
        address to = _person(buyer);
        if (how % 4 == 0 || to == seller || tenure == MOST_TENURES) return;
        _expectSale(a, seller, to, price);
        vm.prank(to);
        market.buy(a, IMarket.Deal(_money(), price, tenure, 1_000));
        _settleIn(a, how);
        _did("buy an asset");
    }

    function acceptOffer(uint256 asset, uint256 buyer, uint96 price, uint256 how) external watched {
        uint64 a = _asset(asset);
        (address seller, address to) = (assets.ownerOf(a), _person(buyer));
        if (seller == address(shares) || to == seller || assets.tenureOf(a) == MOST_TENURES) return;
        price = 1 + price % 1e24;
        vm.prank(to);
        market.offer(a, _money(), price, 1_000, uint40(block.timestamp + 1));
        if (how % 4 == 0) return;
        _expectSale(a, seller, to, price);
        vm.prank(seller);
        market.accept(a, to, _money(), price);
        _settleIn(a, how);
        _did("accept");
    }

    /// What was earned before is released to the seller; the maker gets his part of the price.
    function _expectSale(uint64 asset, address seller, address buyer, uint256 price) private {
        _expectRelease(asset, assets.tenureOf(asset));
        address maker = assets.ownerAt(asset, 1);
        uint256 royalty = maker == seller ? 0 : price * assets.terms(asset).saleBps / BPS;
        _pay(buyer, maker, royalty);
        _pay(buyer, seller, price - royalty);
        if (royalty != 0) _did("sale royalty");
    }

    /// Moves no income that was given before.
    function giveShares(uint256 from, uint256 to, uint256 amount) external watched {
        address holder = _person(from);
        uint256 owedBefore = shares.owedTo(holder);
        amount = amount % (shares.balanceOf(holder) + 1);
        vm.prank(holder);
        require(shares.transfer(_person(to), amount), "a transfer of shares failed");
        require(shares.owedTo(holder) == owedBefore, "a transfer took income with it");
        if (amount != 0) _did("giveShares");
    }

    function collectForShares() external watched {
        vm.prank(STRANGER);
        uint256 amount = shares.collect();
        collectedByShares += amount;
        if (amount != 0) _did("collectForShares");
    }

    function takeFromShares(uint256 who, uint256 toWhom) external watched {
        address holder = _person(who);
        uint256 due = shares.owedTo(holder);
        if (due == 0) return;
        vm.prank(holder);
        require(shares.withdraw(_person(toWhom)) == due, "shares paid something else");
        withdrawnFromShares += due;
        _pay(address(shares), _person(toWhom), due);
        _did("takeFromShares");
    }

    /// Sometimes somebody gets all shares and takes the asset back.
    function redeem(uint256 who) external watched {
        address holder = _person(who);
        if (assets.ownerOf(SHARED) != address(shares) || who % 8 != 0) return;
        for (uint256 i; i < PEOPLE; ++i) {
            uint256 amount = shares.balanceOf(accounts[i]);
            vm.prank(accounts[i]);
            require(shares.transfer(holder, amount), "a transfer of shares failed");
        }
        vm.prank(holder);
        shares.redeem();
        _did("redeem");
    }

    function _money() private view returns (IERC20) {
        return IERC20(address(token));
    }
}
