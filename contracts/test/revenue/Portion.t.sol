// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Portion, keyOf, portion} from "../../src/Portion.sol";
import {Test} from "forge-std/Test.sol";

contract RevenuePortion_GivenAPortionOfATenure is Test {
    function testFuzz_WhenItIsReadOrResized_ItMixesNothingUp(uint64 asset, uint32 tenure, uint128 size, uint128 other)
        public
        pure
    {
        Portion p = portion(asset, tenure, size);
        assertEq(p.size(), size);
        assertEq(p.key(), keyOf(asset, tenure));
        assertEq(Portion.unwrap(p.resized(other)), Portion.unwrap(portion(asset, tenure, other)));
    }

    function testFuzz_WhenAssetOrTenureDiffer_ItHasAnotherKey(
        uint64 asset,
        uint32 tenure,
        uint64 asset2,
        uint32 tenure2
    ) public pure {
        bool same = asset == asset2 && tenure == tenure2;
        assertEq(keyOf(asset, tenure) == keyOf(asset2, tenure2), same);
        assertTrue(keyOf(asset, tenure) != keyOf(asset, ~tenure));
        assertTrue(keyOf(asset, tenure) != keyOf(~asset, tenure));
    }
}
