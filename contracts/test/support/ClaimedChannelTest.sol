// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OpenChannelTest} from "./OpenChannelTest.sol";

/// An open channel of which 300 of 1000 are claimed.
abstract contract ClaimedChannelTest is OpenChannelTest {
    function setUp() public virtual override {
        super.setUp();
        _claim(t, 300);
    }
}
