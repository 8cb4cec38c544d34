// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "./interfaces/IEscrow.sol";

/// A channel's whole state in one storage slot: deposited (96 bits, lowest), claimed (96), expiresAtSec (40), status (8).
/// Packed by hand so that every change reads and writes the slot once.
type ChannelState is uint256;

using {
    deposited,
    claimed,
    expiresAtSec,
    status,
    isOpen,
    withDeposited,
    withClaimed,
    withExpiry,
    closed
} for ChannelState global;

uint256 constant CLAIMED_AT = 96;
uint256 constant EXPIRY_AT = 192;
uint256 constant STATUS_AT = 232;
uint256 constant OPEN = uint256(IEscrow.Status.Open);

function openState(uint96 amount, uint40 expiry) pure returns (ChannelState) {
    return ChannelState.wrap((OPEN << STATUS_AT) | (uint256(expiry) << EXPIRY_AT) | amount);
}

function deposited(ChannelState s) pure returns (uint96) {
    return uint96(ChannelState.unwrap(s));
}

function claimed(ChannelState s) pure returns (uint96) {
    return uint96(ChannelState.unwrap(s) >> CLAIMED_AT);
}

function expiresAtSec(ChannelState s) pure returns (uint40) {
    return uint40(ChannelState.unwrap(s) >> EXPIRY_AT);
}

function status(ChannelState s) pure returns (IEscrow.Status) {
    return IEscrow.Status(ChannelState.unwrap(s) >> STATUS_AT);
}

function isOpen(ChannelState s) pure returns (bool) {
    return ChannelState.unwrap(s) >> STATUS_AT == OPEN;
}

function withDeposited(ChannelState s, uint96 amount) pure returns (ChannelState) {
    return ChannelState.wrap((ChannelState.unwrap(s) & ~uint256(type(uint96).max)) | amount);
}

function withClaimed(ChannelState s, uint96 amount) pure returns (ChannelState) {
    uint256 rest = ChannelState.unwrap(s) & ~(uint256(type(uint96).max) << CLAIMED_AT);
    return ChannelState.wrap(rest | (uint256(amount) << CLAIMED_AT));
}

function withExpiry(ChannelState s, uint40 expiry) pure returns (ChannelState) {
    uint256 rest = ChannelState.unwrap(s) & ~(uint256(type(uint40).max) << EXPIRY_AT);
    return ChannelState.wrap(rest | (uint256(expiry) << EXPIRY_AT));
}

function closed(ChannelState s) pure returns (ChannelState) {
    uint256 rest = ChannelState.unwrap(s) & ~(uint256(type(uint8).max) << STATUS_AT);
    return ChannelState.wrap(rest | (uint256(IEscrow.Status.Closed) << STATUS_AT));
}
