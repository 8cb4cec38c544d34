// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {hashListing} from "./ListingHash.sol";
import {TimedVotes} from "./TimedVotes.sol";
import {IAssets} from "./interfaces/IAssets.sol";
import {IRevenue} from "./interfaces/IRevenue.sol";
import {IShares} from "./interfaces/IShares.sol";
import {IERC721Receiver} from "@openzeppelin/contracts/token/ERC721/IERC721Receiver.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @title Shares
/// @notice See {IShares}. Income raises one number, all that was ever given to the shares; a holder is owed his part of what
/// it rose since his balance last changed. So a transfer costs the same however many holders there are, and moves no
/// income that was given before it. Parts are counted exactly, as minor units times the supply, which never changes.
contract Shares is IShares, TimedVotes, ReentrancyGuardTransient, IERC721Receiver {
    using SafeERC20 for IERC20;

    struct Account {
        /// What all shares had been given when the holder's balance last changed.
        uint256 given;
        /// Minor units times the supply.
        uint256 owedParts;
    }

    struct Bounds {
        uint96 lowest;
        uint96 highest;
    }

    IAssets public immutable assets;
    uint64 public immutable asset;
    IRevenue public immutable revenue;
    address public immutable controller;
    IERC20 private immutable _money;
    uint256 private immutable _supply;

    Bounds public bounds = Bounds(0, type(uint96).max);
    /// What all shares were ever given.
    uint256 private _given;
    /// Who took the asset back: what comes in while there are no shares is his.
    address private _redeemer;
    mapping(address holder => Account) private _accounts;

    constructor(
        string memory name,
        string memory symbol,
        uint256 supply,
        uint64 asset_,
        IAssets assets_,
        IRevenue revenue_,
        address controller_
    ) TimedVotes(name, symbol) {
        if (supply == 0 || supply > type(uint128).max) revert BadSupply(supply);
        assets = assets_;
        asset = asset_;
        revenue = revenue_;
        controller = controller_;
        _money = revenue_.escrow().token();
        _supply = supply;
    }

    /// The asset comes, with `safeTransferFrom`: its sender gets all shares.
    function onERC721Received(address, address from, uint256 tokenId, bytes calldata) external returns (bytes4) {
        // Check
        if (msg.sender != address(assets) || tokenId != asset) revert NotTheAsset(msg.sender, tokenId);
        // Effect
        _issue(from);
        return this.onERC721Received.selector;
    }

    function issue() external {
        if (assets.ownerOf(asset) != address(this)) revert NotIssued();
        _issue(assets.ownerAt(asset, assets.tenureOf(asset) - 1));
    }

    function collect() external nonReentrant returns (uint256 amount) {
        // Check
        uint256 supply = totalSupply();
        if (supply == 0 && _redeemer == address(0)) revert NotIssued();
        // Interaction: the guard makes it safe to count what arrived and divide after it.
        uint256 before = _money.balanceOf(address(this));
        uint256 waiting = revenue.balances(address(this));
        if (waiting == 0) return 0;
        revenue.withdraw(waiting, address(this));
        amount = _money.balanceOf(address(this)) - before;
        // Effect
        if (supply == 0) _accounts[_redeemer].owedParts += amount * _supply;
        else _given += amount;
        emit Collected(amount, supply);
    }

    function withdraw(address to) external nonReentrant returns (uint256 amount) {
        // Check
        if (to == address(0) || to == address(this) || to == address(revenue) || to == address(revenue.escrow())) {
            revert BadRecipient(to);
        }
        _settle(msg.sender);
        Account storage account = _accounts[msg.sender];
        amount = account.owedParts / _supply;
        if (amount == 0) revert NothingOwed(msg.sender);
        // Effect
        account.owedParts -= amount * _supply;
        emit Withdrawn(msg.sender, to, amount);
        // Interaction
        _money.safeTransfer(to, amount);
    }

    function owedTo(address holder) external view returns (uint256) {
        return (_accounts[holder].owedParts + _unsettledParts(holder)) / _supply;
    }

    function setOperator(address operator) external {
        _onlyController();
        assets.setOperator(asset, operator);
    }

    function setRoyalty(uint16 bps) external {
        _onlyController();
        assets.setRoyalty(asset, bps);
    }

    function delist() external {
        _onlyController();
        assets.delist(asset);
    }

    function setBounds(uint96 lowest, uint96 highest) external {
        _onlyController();
        if (lowest > highest) revert BadBounds(lowest, highest);
        bounds = Bounds(lowest, highest);
        emit BoundsSet(lowest, highest);
    }

    function publish(Listing calldata listing) external {
        // Check
        IAssets.Head memory head = assets.head(asset);
        if (msg.sender != head.operator) revert NotOperator(msg.sender);
        if (listing.asset != asset || listing.tenure != head.tenure) revert WrongListing(listing.asset, listing.tenure);
        _checkPrices(listing.prices);
        // Interaction
        assets.publish(asset, hashListing(listing), listing.version);
    }

    function redeem() external {
        // Check
        uint256 supply = totalSupply();
        uint256 held = balanceOf(msg.sender);
        if (supply == 0) revert NotIssued();
        if (held != supply) revert NotAllShares(msg.sender, held, supply);
        // Effect
        _burn(msg.sender, supply);
        _redeemer = msg.sender;
        emit Redeemed(msg.sender, supply);
        // Interaction
        assets.transferFrom(address(this), msg.sender, asset);
    }

    function _issue(address to) private {
        if (totalSupply() != 0) revert AlreadyIssued();
        _mint(to, _supply);
    }

    /// Whoever gives or gets shares is first owed what they earned until now.
    function _update(address from, address to, uint256 amount) internal override {
        if (from != address(0)) _settle(from);
        if (to != address(0)) _settle(to);
        super._update(from, to, amount);
    }

    function _settle(address holder) private {
        Account storage account = _accounts[holder];
        account.owedParts += _unsettledParts(holder);
        account.given = _given;
    }

    function _unsettledParts(address holder) private view returns (uint256) {
        return balanceOf(holder) * (_given - _accounts[holder].given);
    }

    function _checkPrices(Price[] calldata prices) private view {
        (uint96 lowest, uint96 highest) = (bounds.lowest, bounds.highest);
        for (uint256 i; i < prices.length; ++i) {
            Price calldata price = prices[i];
            // Free calls cost nothing, fixed ones their rate, metered ones at most their maximum.
            uint96 cost = price.kind == 0 ? 0 : price.kind == 1 ? price.rate : price.maxAmount;
            if (cost < lowest || cost > highest) revert PriceOutOfBounds(price.method, cost, lowest, highest);
        }
    }

    function _onlyController() private view {
        if (msg.sender != controller) revert NotController(msg.sender);
    }
}
