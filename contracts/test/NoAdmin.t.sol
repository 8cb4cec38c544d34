// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {WeftTest} from "./support/WeftTest.sol";

/// T20: nobody rules over the contracts. `client/abi.spec.ts` holds the whole list of functions that change anything.
contract NoAdmin_GivenDeployedContracts is WeftTest {
    function test_T20_WhenTheDeployerTriesThePowersOfAnAdmin_ItGivesHimNone() public {
        string[12] memory powers = [
            "owner()",
            "transferOwnership(address)",
            "pause()",
            "unpause()",
            "upgradeTo(address)",
            "upgradeToAndCall(address,bytes)",
            "initialize()",
            "sweep(address)",
            "rescue(address,uint256)",
            "setToken(address)",
            "setRevenue(address)",
            "grantRole(bytes32,address)"
        ];
        address[3] memory contracts = [address(escrow), address(revenue), address(assets)];
        for (uint256 c; c < contracts.length; ++c) {
            for (uint256 p; p < powers.length; ++p) {
                (bool done,) = contracts[c].call(abi.encodePacked(bytes4(keccak256(bytes(powers[p]))), new bytes(96)));
                assertFalse(done, powers[p]);
            }
            vm.deal(address(this), 1);
            (bool taken,) = contracts[c].call{value: 1}("");
            assertFalse(taken, "takes the chain's own coin, which nobody could fetch again");
        }
    }
}
