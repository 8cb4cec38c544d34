// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAssets} from "./IAssets.sol";
import {IRevenue} from "./IRevenue.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title An asset that belongs to many
/// @notice An ERC-20 with votes whose contract owns one asset. It has no supply until the asset has come; whoever sent it
/// then gets all shares. What the asset earns is divided by shares held at the time of each {collect}, and every holder
/// withdraws for himself. Its *controller* (a timelock that a governor of these shares commands) names the operator and
/// bounds prices; the operator publishes listings within the bounds. Whoever holds every share gets the asset back.
interface IShares is IERC20 {
    /// @notice EIP-712 `Price` and `Listing` as PROTOCOL section 1 defines them.
    struct Price {
        string method;
        uint8 kind;
        string unit;
        uint96 rate;
        uint64 per;
        uint96 maxAmount;
    }

    struct Listing {
        uint64 asset;
        uint32 tenure;
        uint24 version;
        bytes32 previous;
        bytes32 contractDigest;
        Price[] prices;
        string[] endpoints;
        bytes32 docsDigest;
        address escrow;
        uint96 minChannel;
        uint32 honourSec;
        uint32 retainSec;
        uint40 publishedAtSec;
    }

    /// @notice `amount` was divided among all shares.
    event Collected(uint256 amount, uint256 supply);
    event Withdrawn(address indexed holder, address indexed to, uint256 amount);
    /// @notice What one call may cost, in minor units.
    event BoundsSet(uint96 lowest, uint96 highest);
    /// @notice The asset went to `to`, who held every share.
    event Redeemed(address indexed to, uint256 supply);

    error NotTheAsset(address collection, uint256 tokenId);
    error BadSupply(uint256 supply);
    error AlreadyIssued();
    error NotIssued();
    error NotController(address caller);
    error NotOperator(address caller);
    error BadBounds(uint96 lowest, uint96 highest);
    /// @notice What a call of `method` may cost lies outside the bounds.
    error PriceOutOfBounds(string method, uint96 cost, uint96 lowest, uint96 highest);
    error WrongListing(uint64 asset, uint32 tenure);
    error NotAllShares(address caller, uint256 held, uint256 supply);
    error NothingOwed(address holder);
    /// @notice Money sent there could not be fetched again.
    error BadRecipient(address to);

    /// @notice Gives all shares to who sent the asset without `safeTransferFrom`. Anyone.
    function issue() external;

    /// @notice Fetches what the asset's income left in Revenue for this contract, and divides it among the shares. Anyone.
    function collect() external returns (uint256 amount);

    /// @notice Pays out what the caller's shares have been given. Gives how much that was.
    function withdraw(address to) external returns (uint256 amount);

    /// @notice What a holder may withdraw.
    function owedTo(address holder) external view returns (uint256);

    /// @notice Names the asset's operator. Controller only.
    function setOperator(address operator) external;

    /// @notice Sets what new children owe the asset. Controller only.
    function setRoyalty(uint16 bps) external;

    /// @notice Bounds what one call may cost in listings from now on. Controller only.
    function setBounds(uint96 lowest, uint96 highest) external;

    /// @notice Takes the listing out of force. Controller only.
    function delist() external;

    /// @notice Puts a listing in force whose prices lie within the bounds. The asset's operator only.
    function publish(Listing calldata listing) external;

    /// @notice Burns every share, all of them the caller's, and gives him the asset.
    function redeem() external;

    function assets() external view returns (IAssets);
    function asset() external view returns (uint64);
    function revenue() external view returns (IRevenue);
    function controller() external view returns (address);
    function bounds() external view returns (uint96 lowest, uint96 highest);
}
