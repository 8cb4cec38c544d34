// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Portion} from "../../src/Portion.sol";
import {IAssets} from "../../src/interfaces/IAssets.sol";
import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {WeftTest} from "./WeftTest.sol";

/// Assets that were built from others.
abstract contract LineageTest is WeftTest {
    address internal data = makeAddr("owner of the dataset");
    address internal model = makeAddr("owner of the model");
    address internal treasury = makeAddr("treasury");
    uint64 internal salt;

    function _parents(uint64 a, uint16 aBps) internal pure returns (IAssets.Parent[] memory list) {
        list = new IAssets.Parent[](1);
        list[0] = IAssets.Parent(uint48(a), aBps);
    }

    function _parents(uint64 a, uint16 aBps, uint64 b, uint16 bBps)
        internal
        pure
        returns (IAssets.Parent[] memory list)
    {
        list = new IAssets.Parent[](2);
        list[0] = IAssets.Parent(uint48(a), aBps);
        list[1] = IAssets.Parent(uint48(b), bBps);
    }

    function _child(address to, IAssets.Parent[] memory list) internal returns (uint64) {
        vm.prank(to);
        return assets.mint(operator.addr, list, bytes32(0));
    }

    /// The asset earns, in its present tenure, through a channel of its own.
    function _earn(uint64 child, uint96 amount) internal {
        IEscrow.Terms memory t = IEscrow.Terms(payer, signer.addr, child, assets.tenureOf(child), ++salt);
        _open(t, amount);
        _claim(t, amount);
    }

    function _waiting(uint64 parent, uint32 tenure) internal view returns (uint256) {
        (uint128 credited, uint128 released) = revenue.royalties(parent, tenure);
        return credited - released;
    }

    function _one(Portion p) internal pure returns (Portion[] memory list) {
        list = new Portion[](1);
        list[0] = p;
    }
}
