// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IShares} from "./interfaces/IShares.sol";

bytes constant PRICE =
    "Price(string method,uint8 kind,string unit,uint96 rate,uint64 per,uint96 maxAmount)";
bytes constant LISTING =
    "Listing(uint64 asset,uint32 tenure,uint24 version,bytes32 previous,bytes32 contractDigest,Price[] prices,string[] endpoints,bytes32 docsDigest,address escrow,uint96 minChannel,uint32 honourSec,uint32 retainSec,uint40 publishedAtSec)";

/// The listing digest: EIP-712 hashStruct (PROTOCOL section 1).
function hashListing(IShares.Listing calldata l) pure returns (bytes32) {
    bytes32[] memory prices = new bytes32[](l.prices.length);
    for (uint256 i; i < prices.length; ++i) prices[i] = hashPrice(l.prices[i]);
    bytes32[] memory endpoints = new bytes32[](l.endpoints.length);
    for (uint256 i; i < endpoints.length; ++i) endpoints[i] = keccak256(bytes(l.endpoints[i]));
    // In two halves: all at once is more than the stack holds.
    bytes memory first = abi.encode(
        keccak256(bytes.concat(LISTING, PRICE)),
        l.asset,
        l.tenure,
        l.version,
        l.previous,
        l.contractDigest,
        keccak256(abi.encodePacked(prices))
    );
    bytes memory second = abi.encode(
        keccak256(abi.encodePacked(endpoints)),
        l.docsDigest,
        l.escrow,
        l.minChannel,
        l.honourSec,
        l.retainSec,
        l.publishedAtSec
    );
    return keccak256(bytes.concat(first, second));
}

function hashPrice(IShares.Price calldata p) pure returns (bytes32) {
    return keccak256(
        abi.encode(keccak256(PRICE), keccak256(bytes(p.method)), p.kind, keccak256(bytes(p.unit)), p.rate, p.per, p.maxAmount)
    );
}
