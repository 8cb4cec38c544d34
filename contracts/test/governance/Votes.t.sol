// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {VotesToken} from "../../src/VotesToken.sol";
import {Test} from "forge-std/Test.sol";
import {Vm} from "forge-std/Vm.sol";

contract GovernanceVotes_GivenAHolder is Test {
    VotesToken internal votes;
    Vm.Wallet internal holder;

    function setUp() public {
        vm.warp(1_900_000_000);
        holder = vm.createWallet("holder");
        votes = new VotesToken();
        require(votes.transfer(holder.addr, 100));
    }

    function test_WhenHeDelegates_ItCountsHisVotesFromThatSecondOn() public {
        assertEq(votes.CLOCK_MODE(), "mode=timestamp");
        assertEq(votes.clock(), 1_900_000_000);
        vm.prank(holder.addr);
        votes.delegate(address(this));
        vm.warp(1_900_000_001);
        assertEq(votes.getPastVotes(address(this), 1_899_999_999), 0);
        assertEq(votes.getPastVotes(address(this), 1_900_000_000), 100);
    }

    /// Permits and delegations share one count, so neither can be used again after the other.
    function test_WhenHeSignsAPermitAndADelegation_ItTakesEachOnce() public {
        bytes32 permitType =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        (uint8 v, bytes32 r, bytes32 s) =
            _sign(keccak256(abi.encode(permitType, holder.addr, address(this), 7, 0, block.timestamp)));
        assertEq(votes.nonces(holder.addr), 0);
        votes.permit(holder.addr, address(this), 7, block.timestamp, v, r, s);
        assertEq(votes.nonces(holder.addr), 1);
        vm.expectRevert();
        votes.permit(holder.addr, address(this), 7, block.timestamp, v, r, s);
        bytes32 delegationType = keccak256("Delegation(address delegatee,uint256 nonce,uint256 expiry)");
        (v, r, s) = _sign(keccak256(abi.encode(delegationType, address(this), 1, block.timestamp)));
        votes.delegateBySig(address(this), 1, block.timestamp, v, r, s);
        assertEq(votes.nonces(holder.addr), 2);
        vm.expectRevert();
        votes.delegateBySig(address(this), 1, block.timestamp, v, r, s);
        assertEq(votes.allowance(holder.addr, address(this)), 7);
        assertEq(votes.getVotes(address(this)), 100);
    }

    function _sign(bytes32 hash) internal view returns (uint8 v, bytes32 r, bytes32 s) {
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", votes.DOMAIN_SEPARATOR(), hash));
        return vm.sign(holder.privateKey, digest);
    }
}
