// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {WeftTest} from "./WeftTest.sol";

/// An asset with an owner and an operator.
abstract contract AssetsTest is WeftTest {
    bytes32 internal constant LISTING = keccak256("listing");
    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");
}
