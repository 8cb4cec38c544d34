// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What of something is a tenure's, in one word: size (128 bits, lowest), tenure (32), asset (64). The upper two name the
/// tenure. Packed by hand, since a release moves many of them between contracts and into its event.
type Portion is uint256;

using {key, size, resized} for Portion global;

uint256 constant TENURE_AT = 128;
uint256 constant ASSET_AT = 160;

function portion(uint256 asset, uint256 tenure, uint256 size_) pure returns (Portion) {
    return Portion.wrap((asset << ASSET_AT) | (tenure << TENURE_AT) | size_);
}

/// The tenure's name.
function keyOf(uint64 asset, uint32 tenure) pure returns (uint256) {
    return (uint256(asset) << (ASSET_AT - TENURE_AT)) | tenure;
}

function key(Portion p) pure returns (uint256) {
    return Portion.unwrap(p) >> TENURE_AT;
}

function size(Portion p) pure returns (uint256) {
    return uint128(Portion.unwrap(p));
}

function resized(Portion p, uint256 size_) pure returns (Portion) {
    return Portion.wrap(((Portion.unwrap(p) >> TENURE_AT) << TENURE_AT) | size_);
}
