// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAssets} from "../../src/interfaces/IAssets.sol";
import {IShares} from "../../src/interfaces/IShares.sol";
import {SharesTest} from "../support/SharesTest.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

contract SharesControl_GivenAController is SharesTest {
    function test_WhenItCommands_ItSetsTheRoyaltyAndTakesTheListingOut() public {
        _command(abi.encodeCall(shares.setRoyalty, (250)));
        assertEq(assets.terms(asset).royaltyBps, 250);
        vm.expectRevert(abi.encodeWithSelector(IAssets.NotListed.selector, asset));
        vm.prank(address(timelock));
        shares.delist();
    }

    function test_WhenAnybodyElseCommands_ItRefuses() public {
        bytes[4] memory calls = [
            abi.encodeCall(shares.setOperator, (key)),
            abi.encodeCall(shares.setRoyalty, (1)),
            abi.encodeCall(shares.setBounds, (1, 2)),
            abi.encodeCall(shares.delist, ())
        ];
        for (uint256 i; i < calls.length; ++i) {
            vm.prank(owner);
            (bool done, bytes memory why) = address(shares).call(calls[i]);
            assertFalse(done);
            assertEq(why, abi.encodeWithSelector(IShares.NotController.selector, owner));
        }
    }
}

contract SharesControl_GivenTheVotesOfShareholders is SharesTest {
    function test_WhenMostVoteForAnOperator_ItNamesHimAfterBothDelays() public {
        _give(owner, ann, 400);
        vm.prank(owner);
        shares.delegate(owner);
        vm.prank(ann);
        shares.delegate(ann);
        vm.warp(block.timestamp + 1);
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) =
            (new address[](1), new uint256[](1), new bytes[](1));
        targets[0] = address(shares);
        calls[0] = abi.encodeCall(shares.setOperator, (key));
        vm.prank(owner);
        uint256 id = governor.propose(targets, values, calls, "name an operator");
        vm.warp(block.timestamp + 1 hours + 1);
        vm.prank(owner);
        governor.castVote(id, 1);
        vm.prank(ann);
        governor.castVote(id, 0);
        vm.expectRevert();
        governor.queue(targets, values, calls, keccak256("name an operator"));
        vm.warp(block.timestamp + 3 days);
        governor.queue(targets, values, calls, keccak256("name an operator"));
        vm.expectRevert();
        governor.execute(targets, values, calls, keccak256("name an operator"));
        vm.warp(block.timestamp + 1 days);
        governor.execute(targets, values, calls, keccak256("name an operator"));
        assertEq(assets.head(asset).operator, key);
        assertEq(uint8(governor.state(id)), uint8(IGovernor.ProposalState.Executed));
    }

    function test_WhenThereIsNoQuorum_ItChangesNothing() public {
        _give(owner, ann, 100);
        vm.prank(ann);
        shares.delegate(ann);
        vm.warp(block.timestamp + 1);
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) =
            (new address[](1), new uint256[](1), new bytes[](1));
        targets[0] = address(shares);
        calls[0] = abi.encodeCall(shares.setBounds, (0, 1));
        vm.prank(ann);
        uint256 id = governor.propose(targets, values, calls, "cheap");
        vm.warp(block.timestamp + 1 hours + 1);
        vm.prank(ann);
        governor.castVote(id, 1);
        vm.warp(block.timestamp + 3 days);
        assertEq(uint8(governor.state(id)), uint8(IGovernor.ProposalState.Defeated));
    }
}
