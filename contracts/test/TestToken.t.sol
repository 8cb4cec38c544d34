// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestToken} from "../src/TestToken.sol";
import {Test} from "forge-std/Test.sol";

contract TestToken_GivenALocalMarket is Test {
    function test_WhenAnybodyMints_ItGivesHimMillionthsOfACoin() public {
        TestToken token = new TestToken();
        token.mint(address(this), 1_000_000);
        assertEq(token.balanceOf(address(this)), 10 ** token.decimals());
    }
}
