// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Incoming} from "./Incoming.sol";
import {IAssets} from "./interfaces/IAssets.sol";
import {IMarket} from "./interfaces/IMarket.sol";
import {IRevenue} from "./interfaces/IRevenue.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @title Market
/// @notice See {IMarket}.
contract Market is IMarket, ReentrancyGuardTransient {
    using Incoming for IERC20;
    using SafeERC20 for IERC20;

    IAssets private immutable _assets;
    /// Whose income of the asset is released before a sale.
    IRevenue private immutable _revenue;

    mapping(uint64 asset => Ask) public asks;
    mapping(uint64 asset => mapping(address buyer => mapping(IERC20 token => Offer))) public offers;

    constructor(IAssets assets, IRevenue revenue) {
        (_assets, _revenue) = (assets, revenue);
    }

    function ask(uint64 asset, IERC20 token, uint96 price, uint40 expiresAtSec) external {
        // Check
        _onlyOwner(asset);
        _checkTerms(asset, token, price, expiresAtSec);
        // Effect
        uint32 tenure = _assets.tenureOf(asset);
        asks[asset] = Ask(token, price, tenure, expiresAtSec);
        emit Asked(asset, tenure, token, price, expiresAtSec);
    }

    function withdrawAsk(uint64 asset) external {
        _onlyOwner(asset);
        if (asks[asset].price == 0) revert NotForSale(asset);
        delete asks[asset];
        emit AskWithdrawn(asset);
    }

    function buy(uint64 asset, Deal calldata deal) external nonReentrant {
        _buy(asset, deal);
    }

    function buyWithPermit(uint64 asset, Deal calldata deal, uint256 deadlineSec, uint8 v, bytes32 r, bytes32 s)
        external
        nonReentrant
    {
        if (address(deal.token).code.length == 0) revert NotAContract(address(deal.token));
        deal.token.tryPermit(deal.price, deadlineSec, v, r, s);
        _buy(asset, deal);
    }

    function offer(uint64 asset, IERC20 token, uint96 price, uint16 saleBps, uint40 expiresAtSec) external {
        // Check
        _checkTerms(asset, token, price, expiresAtSec);
        uint32 tenure = _assets.tenureOf(asset);
        if (tenure == 0) revert NotForSale(asset);
        // Effect
        offers[asset][msg.sender][token] = Offer(price, tenure, expiresAtSec, saleBps);
        emit Offered(asset, msg.sender, token, tenure, price, saleBps, expiresAtSec);
    }

    function withdrawOffer(uint64 asset, IERC20 token) external {
        if (offers[asset][msg.sender][token].price == 0) revert NoOffer(asset, msg.sender, address(token));
        delete offers[asset][msg.sender][token];
        emit OfferWithdrawn(asset, msg.sender, token);
    }

    function accept(uint64 asset, address buyer, IERC20 token, uint96 price) external nonReentrant {
        // Check
        _onlyOwner(asset);
        Offer memory made = offers[asset][buyer][token];
        uint32 tenure = _assets.tenureOf(asset);
        if (made.tenure != tenure) revert NoOffer(asset, buyer, address(token));
        if (made.price != price) revert TermsChanged(asset, address(token), made.price, tenure);
        if (block.timestamp >= made.expiresAtSec) revert Expired(asset, made.expiresAtSec);
        _checkSaleRoyalty(asset, made.saleBps);
        // Effect
        delete offers[asset][buyer][token];
        // Interaction
        _sell(asset, tenure, msg.sender, buyer, token, price);
    }

    function _buy(uint64 asset, Deal calldata deal) private {
        // Check
        Ask memory asked = asks[asset];
        if (asked.price == 0 || asked.tenure != _assets.tenureOf(asset)) revert NotForSale(asset);
        if (address(asked.token) != address(deal.token) || asked.price != deal.price || asked.tenure != deal.tenure) {
            revert TermsChanged(asset, address(asked.token), asked.price, asked.tenure);
        }
        if (block.timestamp >= asked.expiresAtSec) revert Expired(asset, asked.expiresAtSec);
        _checkSaleRoyalty(asset, deal.saleBps);
        // Effect
        delete asks[asset];
        // Interaction
        _sell(asset, asked.tenure, _assets.ownerOf(asset), msg.sender, asked.token, asked.price);
    }

    function _sell(uint64 asset, uint32 tenure, address seller, address buyer, IERC20 token, uint256 price) private {
        // What was earned stays the seller's, released or not; so a token that refuses does not stop the sale.
        try _revenue.release(asset, tenure) {} catch {}
        (address maker, uint256 royalty) = _assets.royaltyInfo(asset, price);
        if (maker == seller) royalty = 0;
        emit Sold(asset, seller, buyer, tenure, token, price, maker, royalty);
        if (royalty != 0) _pay(token, buyer, maker, royalty);
        _pay(token, buyer, seller, price - royalty);
        _assets.safeTransferFrom(seller, buyer, asset);
    }

    /// A seller gives the asset for the price and not for what is left of it.
    function _pay(IERC20 token, address from, address to, uint256 amount) private {
        if (from == to) return;
        uint256 before = token.balanceOf(to);
        token.safeTransferFrom(from, to, amount);
        uint256 present = token.balanceOf(to);
        uint256 arrived = present > before ? present - before : 0;
        if (arrived < amount) revert PriceNotPaid(address(token), arrived, amount);
    }

    function _checkTerms(uint64 asset, IERC20 token, uint96 price, uint40 expiresAtSec) private view {
        if (price == 0) revert ZeroPrice(asset);
        if (address(token).code.length == 0) revert NotAContract(address(token));
        if (block.timestamp >= expiresAtSec) revert Expired(asset, expiresAtSec);
    }

    /// Its maker could raise it, for ever, in the moment before he sells.
    function _checkSaleRoyalty(uint64 asset, uint16 agreed) private view {
        uint16 saleBps = _assets.terms(asset).saleBps;
        if (saleBps > agreed) revert SaleRoyaltyRaised(asset, saleBps, agreed);
    }

    function _onlyOwner(uint64 asset) private view {
        if (_assets.ownerOf(asset) != msg.sender) revert NotOwner(asset, msg.sender);
    }
}
