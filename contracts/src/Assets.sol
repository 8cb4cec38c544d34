// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Portion, portion} from "./Portion.sol";
import {IAssets} from "./interfaces/IAssets.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title Assets
/// @notice See {IAssets}. Nobody's admin: an asset answers to its owner only. The EIP-712 domain is the one listings
/// are signed under; the chain itself only stores their digests.
contract Assets is IAssets, ERC721, EIP712 {
    uint256 public constant MAX_PARENTS = 16;
    uint256 public constant MAX_DEPTH = 32;
    uint256 public constant MAX_SALE_BPS = 1_000;
    uint256 private constant BPS = 10_000;
    /// Parents are packed, four to a slot, 64 bits each: id above, basis points in the lowest 14.
    uint256 private constant PARENTS_A_SLOT = 4;
    uint256 private constant PARENT_BITS = 64;
    uint256 private constant SHARE = 2 ** 14 - 1;
    /// In a full slot: there is another, so that who reads four parents reads no second slot.
    uint256 private constant MORE = 1 << (3 * PARENT_BITS + 15);

    uint48 private _count;
    mapping(uint64 asset => Head) private _head;
    mapping(uint64 asset => mapping(address operator => Span)) private _span;
    mapping(uint64 asset => mapping(uint32 tenure => address)) private _pastOwner;
    /// No id is zero: an empty lane is none.
    mapping(uint64 asset => mapping(uint256 index => uint256)) private _parentWord;
    mapping(uint64 asset => Terms) private _terms;

    constructor() ERC721("Weft Assets", "WEFT") EIP712("Weft Assets", "1") {}

    function mint(address operator, Parent[] calldata parents_, bytes32 listing) external returns (uint64 asset) {
        uint48 id = ++_count;
        asset = id;
        _storeParents(id, parents_);
        Head storage h = _head[asset];
        h.tenure = 1;
        _mint(msg.sender, asset);
        emit Minted(asset, msg.sender, parents_);
        if (operator != address(0)) _nameOperator(asset, h, operator);
        if (listing != bytes32(0)) _list(asset, h, listing, 1);
    }

    function setOperator(uint64 asset, address operator) external {
        // Check
        _onlyOwner(asset);
        Head storage h = _head[asset];
        address old = h.operator;
        if (old == operator) revert SameOperator(asset, operator);
        // Effect
        if (old != address(0)) _span[asset][old].untilSec = uint40(block.timestamp);
        if (operator == address(0)) {
            h.operator = address(0);
            emit OperatorSet(asset, h.tenure, address(0));
        } else {
            _nameOperator(asset, h, operator);
        }
    }

    function publish(uint64 asset, bytes32 listing, uint24 version) external {
        _onlyOwner(asset);
        if (listing == bytes32(0)) revert ZeroListing(asset);
        Head storage h = _head[asset];
        if (version <= h.listingVersion) revert VersionNotHigher(asset, version, h.listingVersion);
        _list(asset, h, listing, version);
    }

    function delist(uint64 asset) external {
        _onlyOwner(asset);
        Head storage h = _head[asset];
        if (h.listing == bytes32(0)) revert NotListed(asset);
        h.listing = bytes32(0);
        h.listedAtSec = 0;
        emit Listed(asset, h.tenure, h.listingVersion, bytes32(0));
    }

    function setRoyalty(uint64 asset, uint16 bps) external {
        _onlyOwner(asset);
        if (bps > BPS) revert RoyaltyTooHigh(asset, bps, BPS);
        _terms[asset].royaltyBps = bps;
        emit RoyaltySet(asset, bps);
    }

    function setSaleRoyalty(uint64 asset, uint16 bps) external {
        if (_requireOwned(asset) != msg.sender || _head[asset].tenure != 1) revert NotMaker(asset, msg.sender);
        if (bps > MAX_SALE_BPS) revert RoyaltyTooHigh(asset, bps, MAX_SALE_BPS);
        _terms[asset].saleBps = bps;
        emit SaleRoyaltySet(asset, bps);
    }

    function royaltyInfo(uint256 tokenId, uint256 price) external view returns (address maker, uint256 amount) {
        uint64 asset = uint64(tokenId);
        if (asset != tokenId) return (address(0), 0); // no such asset
        maker = ownerAt(asset, 1);
        amount = Math.mulDiv(price, _terms[asset].saleBps, BPS);
    }

    function supportsInterface(bytes4 id) public view override(ERC721, IERC165) returns (bool) {
        return id == type(IERC2981).interfaceId || super.supportsInterface(id);
    }

    function count() external view returns (uint64) {
        return _count;
    }

    function head(uint64 asset) external view returns (Head memory) {
        return _head[asset];
    }

    function tenureOf(uint64 asset) external view returns (uint32) {
        return _head[asset].tenure;
    }

    function span(uint64 asset, address operator) external view returns (Span memory) {
        return _span[asset][operator];
    }

    function ownerAt(uint64 asset, uint32 tenure) public view returns (address) {
        return tenure == _head[asset].tenure ? _ownerOf(asset) : _pastOwner[asset][tenure];
    }

    function terms(uint64 asset) external view returns (Terms memory) {
        return _terms[asset];
    }

    function lineage(uint64 asset, uint32 tenure) external view returns (address owner, Portion[] memory list) {
        owner = ownerAt(asset, tenure);
        list = new Portion[](_countParents(asset));
        uint256 word;
        for (uint256 i; i < list.length; ++i) {
            word = i % PARENTS_A_SLOT == 0 ? _parentWord[asset][i / PARENTS_A_SLOT] : word >> PARENT_BITS;
            uint64 parent = uint48(word >> 16);
            list[i] = portion(parent, _head[parent].tenure, word & SHARE);
        }
    }

    function parents(uint64 asset) external view returns (Parent[] memory list) {
        list = new Parent[](_countParents(asset));
        uint256 word;
        for (uint256 i; i < list.length; ++i) {
            word = i % PARENTS_A_SLOT == 0 ? _parentWord[asset][i / PARENTS_A_SLOT] : word >> PARENT_BITS;
            list[i] = Parent({asset: uint48(word >> 16), bps: uint16(word & SHARE)});
        }
    }

    function isOperator(uint64 asset, uint32 tenure, address key) external view returns (bool) {
        return _isOperator(asset, tenure, key);
    }

    function actsFor(uint64 asset, uint32 tenure, address caller) external view returns (bool) {
        if (_isOperator(asset, tenure, caller)) return true;
        return caller != address(0) && _pastOwner[asset][tenure] == caller;
    }

    /// A transfer ends the tenure: what the seller's operator and listing stood for is over.
    function _update(address to, uint256 tokenId, address auth) internal override returns (address from) {
        from = super._update(to, tokenId, auth);
        if (from == address(0)) return from;
        uint64 asset = uint64(tokenId); // ids are counted in uint48
        Head storage h = _head[asset];
        uint32 tenure = h.tenure;
        address operator = h.operator;
        _pastOwner[asset][tenure] = from;
        if (operator != address(0)) {
            Span storage s = _span[asset][operator];
            s.untilSec = uint40(block.timestamp);
            s.bySale = true;
        }
        _head[asset] =
            Head({operator: address(0), tenure: tenure + 1, listedAtSec: 0, listingVersion: 0, listing: bytes32(0)});
        emit TenureEnded(asset, tenure, from);
    }

    function _nameOperator(uint64 asset, Head storage h, address operator) private {
        Span storage s = _span[asset][operator];
        if (s.tenure != 0) revert OperatorUsedBefore(asset, operator);
        uint32 tenure = h.tenure;
        s.tenure = tenure;
        s.fromSec = uint40(block.timestamp);
        h.operator = operator;
        emit OperatorSet(asset, tenure, operator);
    }

    function _list(uint64 asset, Head storage h, bytes32 listing, uint24 version) private {
        h.listedAtSec = uint40(block.timestamp);
        h.listingVersion = version;
        h.listing = listing;
        emit Listed(asset, h.tenure, version, listing);
    }

    function _storeParents(uint48 child, Parent[] calldata list) private {
        uint256 length = list.length;
        if (length > MAX_PARENTS) revert TooManyParents(length, MAX_PARENTS);
        uint48 last;
        uint8 depth;
        uint256 total;
        uint256 word;
        for (uint256 i; i < length; ++i) {
            Parent calldata parent = list[i];
            // Ids below the child's make cycles impossible.
            if (parent.asset <= last || parent.asset >= child) revert BadParent(parent.asset, child);
            if (parent.bps == 0) revert ZeroShare(parent.asset);
            Terms memory its = _terms[parent.asset];
            if (parent.bps < its.royaltyBps) revert RoyaltyTooLow(parent.asset, parent.bps, its.royaltyBps);
            if (its.depth >= MAX_DEPTH) revert LineageTooDeep(parent.asset, MAX_DEPTH);
            if (its.depth >= depth) depth = its.depth + 1;
            last = parent.asset;
            total += parent.bps;
            uint256 lane = i % PARENTS_A_SLOT;
            word |= ((uint256(parent.asset) << 16) | parent.bps) << (lane * PARENT_BITS);
            if (lane == PARENTS_A_SLOT - 1 || i == length - 1) {
                if (i != length - 1) word |= MORE;
                _parentWord[child][i / PARENTS_A_SLOT] = word;
                word = 0;
            }
        }
        if (total > BPS) revert SharesTooHigh(total);
        if (depth != 0) _terms[child].depth = depth;
    }

    function _countParents(uint64 asset) private view returns (uint256 found) {
        uint256 word;
        do {
            word = _parentWord[asset][found / PARENTS_A_SLOT];
            for (uint256 lanes = word; lanes != 0; lanes >>= PARENT_BITS) ++found;
        } while (word & MORE != 0);
    }

    function _isOperator(uint64 asset, uint32 tenure, address key) private view returns (bool) {
        Span storage s = _span[asset][key];
        (uint32 itsTenure, uint40 untilSec, bool bySale) = (s.tenure, s.untilSec, s.bySale); // one read
        // A key that was removed may be in a thief's hands; one that ended with a sale is still the seller's.
        return tenure != 0 && itsTenure == tenure && (untilSec == 0 || bySale);
    }

    function _onlyOwner(uint64 asset) private view {
        if (_requireOwned(asset) != msg.sender) revert NotOwner(asset, msg.sender);
    }
}
