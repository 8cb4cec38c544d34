// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {WeftTest} from "./WeftTest.sol";

/// An open channel of 1000.
abstract contract OpenChannelTest is WeftTest {
    IEscrow.Terms internal t;
    bytes32 internal id;

    function setUp() public virtual override {
        super.setUp();
        (t, id) = _opened(1000);
    }
}
