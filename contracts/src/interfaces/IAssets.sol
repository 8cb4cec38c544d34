// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Portion} from "../Portion.sol";
import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

/// @title What can be owned, sold and paid: models, datasets, algorithms, services, pipelines
/// @notice Every asset is an ERC-721 token. Its *tenure* counts its owners (1, 2, 3 …); what is earned in a tenure
/// belongs to that tenure's owner for ever. Its *operator* is the plain key that signs for it off chain. Its
/// *listing* is the digest of the offer in force. Times are unix seconds.
interface IAssets is IERC721, IERC2981 {
    /// @notice Something an asset was built from, and its share of the income in basis points.
    struct Parent {
        uint48 asset;
        uint16 bps;
    }

    /// @notice What stands in an asset's name at present. Zero `operator`: nobody signs for it. Zero `listing`: nothing offered.
    struct Head {
        address operator;
        uint32 tenure;
        uint40 listedAtSec;
        uint24 listingVersion;
        bytes32 listing;
    }

    /// @notice When a key was an asset's operator. `untilSec` 0: still is. A key has at most one span per asset.
    struct Span {
        uint32 tenure;
        uint40 fromSec;
        uint40 untilSec;
        bool bySale;
    }

    /// @notice What an asset asks of others, in basis points. `royaltyBps`: of the income of what is built from it from now
    /// on. `saleBps`: of the price when it is sold, for whoever made it. `depth`: 0 without parents, else one more than
    /// the deepest parent's.
    struct Terms {
        uint16 royaltyBps;
        uint16 saleBps;
        uint8 depth;
    }

    event Minted(uint64 indexed asset, address indexed owner, Parent[] parents);
    /// @notice A tenure ended with a transfer: `owner` had it, the next one begins without operator and listing.
    event TenureEnded(uint64 indexed asset, uint32 indexed tenure, address indexed owner);
    /// @notice Zero `operator`: from now on nobody signs for the asset.
    event OperatorSet(uint64 indexed asset, uint32 indexed tenure, address indexed operator);
    /// @notice Zero `listing`: the asset is no longer offered.
    event Listed(uint64 indexed asset, uint32 indexed tenure, uint24 version, bytes32 indexed listing);

    /// @notice From now on, new children of the asset owe it at least `bps` of their income.
    event RoyaltySet(uint64 indexed asset, uint16 bps);
    event SaleRoyaltySet(uint64 indexed asset, uint16 bps);

    error NotOwner(uint64 asset, address caller);
    /// @notice Only who made an asset, and only while it was never sold.
    error NotMaker(uint64 asset, address caller);
    /// @notice A key is an asset's operator at most once, so that its span says for ever when it was.
    error OperatorUsedBefore(uint64 asset, address operator);
    error SameOperator(uint64 asset, address operator);
    error ZeroListing(uint64 asset);
    error NotListed(uint64 asset);
    error VersionNotHigher(uint64 asset, uint24 version, uint24 present);
    error TooManyParents(uint256 count, uint256 max);
    /// @notice Parents are named in ascending order, each once, and were minted before their child.
    error BadParent(uint48 parent, uint48 child);
    error ZeroShare(uint48 parent);
    error SharesTooHigh(uint256 bps);
    /// @notice The parent's terms demand more.
    error RoyaltyTooLow(uint48 parent, uint16 bps, uint16 demanded);
    error RoyaltyTooHigh(uint64 asset, uint256 bps, uint256 max);
    error LineageTooDeep(uint48 parent, uint256 max);

    /// @notice Mints an asset to the caller, in tenure 1.
    /// @param operator its operator, or zero for none yet
    /// @param parents_ what it was built from; never changes
    /// @param listing digest of its first listing (version 1), or zero for none yet
    function mint(address operator, Parent[] calldata parents_, bytes32 listing) external returns (uint64 asset);

    /// @notice Names another operator, or none (zero). Owner only.
    function setOperator(uint64 asset, address operator) external;

    /// @notice Puts a listing in force. Owner only; versions rise within a tenure.
    function publish(uint64 asset, bytes32 listing, uint24 version) external;

    /// @notice Takes the listing out of force; its version stays used. Owner only.
    function delist(uint64 asset) external;

    /// @notice Sets what new children owe the asset, at most all of their income; existing ones keep their terms. Owner only.
    function setRoyalty(uint64 asset, uint16 bps) external;

    /// @notice Sets what its maker gets of the price at which the asset is sold (ERC-2981), at most MAX_SALE_BPS. Its maker
    /// only, and only before the first transfer.
    function setSaleRoyalty(uint64 asset, uint16 bps) external;

    /// @notice How many assets there are; their ids are 1 to this.
    function count() external view returns (uint64);

    function head(uint64 asset) external view returns (Head memory);

    /// @notice The present tenure; 0 if there is no such asset.
    function tenureOf(uint64 asset) external view returns (uint32);

    function span(uint64 asset, address operator) external view returns (Span memory);

    /// @notice Who owned the asset in a tenure: the present owner for the present one, zero for one that never was.
    function ownerAt(uint64 asset, uint32 tenure) external view returns (address);

    function terms(uint64 asset) external view returns (Terms memory);

    function parents(uint64 asset) external view returns (Parent[] memory);

    /// @notice Who shares the income of a tenure: its {ownerAt}, and {parents}, each in its present tenure, with its basis
    /// points. A word is asset (64 bits), tenure (32) and basis points (128).
    function lineage(uint64 asset, uint32 tenure) external view returns (address owner, Portion[] memory parents_);

    /// @notice Whether `key` signs for a tenure: it is its operator, or was until the asset was sold.
    function isOperator(uint64 asset, uint32 tenure, address key) external view returns (bool);

    /// @notice Whether `caller` may collect for a tenure: its operator, or, once the asset is sold, its owner.
    function actsFor(uint64 asset, uint32 tenure, address caller) external view returns (bool);
}
