// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Anchor} from "../../src/Anchor.sol";
import {WeftTest} from "./WeftTest.sol";

/// An asset whose operator anchors the receipts of an epoch.
abstract contract AnchorTest is WeftTest {
    bytes32 internal constant ROOT = keccak256("root");

    Anchor internal anchor;

    function setUp() public virtual override {
        super.setUp();
        anchor = new Anchor(assets);
    }

    function _anchor(address by, uint32 tenure, uint64 number, bytes32 root) internal {
        vm.prank(by);
        anchor.anchor(asset, tenure, number, root, 3, 300);
    }
}
