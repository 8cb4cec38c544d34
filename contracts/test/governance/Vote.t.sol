// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../../src/Escrow.sol";
import {Governance} from "../../src/Governance.sol";
import {VotesToken} from "../../src/VotesToken.sol";
import {WeftGovernor} from "../../src/WeftGovernor.sol";
import {IRevenue} from "../../src/interfaces/IRevenue.sol";
import {WeftTest} from "../support/WeftTest.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

contract GovernanceVote_GivenAnEscrowWhoseFeeVotersDecide is WeftTest {
    VotesToken internal votes;
    WeftGovernor internal governor;
    TimelockController internal timelock;
    Governance internal made;
    IRevenue internal governed;
    address internal treasury = makeAddr("treasury");

    function setUp() public override {
        super.setUp();
        votes = new VotesToken();
        made = new Governance("Weft", votes, 1 days, 3 days, 1e18, 4);
        (governor, timelock) = (made.governor(), made.timelock());
        governed = new Escrow(IERC20(address(token)), assets, WINDOW, address(timelock)).revenue();
        votes.delegate(address(this));
        vm.warp(block.timestamp + 1);
    }

    function _proposal(bytes memory call)
        internal
        view
        returns (address[] memory targets, uint256[] memory values, bytes[] memory calls)
    {
        (targets, values, calls) = (new address[](1), new uint256[](1), new bytes[](1));
        targets[0] = address(governed);
        calls[0] = call;
    }

    /// Proposed by, and voted for with, all votes, until the vote is over.
    function _agreed(bytes memory call, string memory why)
        internal
        returns (uint256 id, address[] memory targets, uint256[] memory values, bytes[] memory calls)
    {
        (targets, values, calls) = _proposal(call);
        id = governor.propose(targets, values, calls, why);
        vm.warp(block.timestamp + 1 days + 1);
        governor.castVote(id, 1);
        vm.warp(block.timestamp + 3 days);
    }

    function _unexpected(uint256 id, IGovernor.ProposalState is_, IGovernor.ProposalState needed)
        internal
        pure
        returns (bytes memory)
    {
        bytes32 allowed = bytes32(1 << uint8(needed));
        return abi.encodeWithSelector(IGovernor.GovernorUnexpectedProposalState.selector, id, is_, allowed);
    }

    function test_WhenTheyVoteForAFee_ItSetsItAfterBothDelays() public {
        (, address[] memory targets, uint256[] memory values, bytes[] memory calls) =
            _agreed(abi.encodeCall(governed.setFee, (100, treasury)), "one percent");
        governor.queue(targets, values, calls, keccak256("one percent"));
        vm.expectRevert();
        governor.execute(targets, values, calls, keccak256("one percent"));
        vm.warp(block.timestamp + 1 days);
        vm.prank(stranger);
        governor.execute(targets, values, calls, keccak256("one percent"));
        (uint16 bps, address to) = governed.fee();
        assertEq(bps, 100);
        assertEq(to, treasury);
    }

    function test_WhenTheyVoteForAFeeAboveTheConstant_ItRefuses() public {
        (, address[] memory targets, uint256[] memory values, bytes[] memory calls) =
            _agreed(abi.encodeCall(governed.setFee, (501, treasury)), "too much");
        governor.queue(targets, values, calls, keccak256("too much"));
        vm.warp(block.timestamp + 1 days);
        vm.expectRevert(abi.encodeWithSelector(IRevenue.FeeTooHigh.selector, 501, 500));
        governor.execute(targets, values, calls, keccak256("too much"));
    }

    function test_WhenAFeeIsVotedForButNotQueued_ItRefusesToExecute() public {
        (uint256 id, address[] memory targets, uint256[] memory values, bytes[] memory calls) =
            _agreed(abi.encodeCall(governed.setFee, (100, treasury)), "at once");
        vm.warp(block.timestamp + 1 days);
        assertEq(uint8(governor.state(id)), uint8(IGovernor.ProposalState.Succeeded));
        assertTrue(governor.proposalNeedsQueuing(id));
        vm.expectRevert(_unexpected(id, IGovernor.ProposalState.Succeeded, IGovernor.ProposalState.Queued));
        governor.execute(targets, values, calls, keccak256("at once"));
    }

    function test_WhenTheProposerIsBelowTheThreshold_ItRefuses() public {
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) =
            _proposal(abi.encodeCall(governed.setFee, (100, treasury)));
        assertEq(governor.proposalThreshold(), 1e18);
        require(votes.transfer(stranger, 1e18 - 1));
        vm.startPrank(stranger);
        votes.delegate(stranger);
        vm.warp(block.timestamp + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IGovernor.GovernorInsufficientProposerVotes.selector, stranger, 1e18 - 1, 1e18)
        );
        governor.propose(targets, values, calls, "a stranger's");
    }

    function test_WhenTheProposerCancels_ItComesToNoVote() public {
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) =
            _proposal(abi.encodeCall(governed.setFee, (100, treasury)));
        uint256 id = governor.propose(targets, values, calls, "a mistake");
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorUnableToCancel.selector, id, stranger));
        vm.prank(stranger);
        governor.cancel(targets, values, calls, keccak256("a mistake"));
        assertEq(governor.cancel(targets, values, calls, keccak256("a mistake")), id);
        assertEq(uint8(governor.state(id)), uint8(IGovernor.ProposalState.Canceled));
        vm.warp(block.timestamp + 1 days + 1);
        vm.expectRevert(_unexpected(id, IGovernor.ProposalState.Canceled, IGovernor.ProposalState.Active));
        governor.castVote(id, 1);
    }

    function test_T20_WhenTheirTimelockReachesForMoney_ItRefuses() public {
        vm.prank(address(timelock));
        vm.expectRevert(abi.encodeWithSelector(IRevenue.InsufficientBalance.selector, address(timelock), 0, 1));
        governed.withdraw(1, treasury);
    }

    function test_T20_WhenTheRolesAreRead_ItIsTheGovernorAloneThatCommandsTheTimelock() public view {
        bytes32 admin = timelock.DEFAULT_ADMIN_ROLE();
        address[5] memory others = [address(this), address(votes), stranger, address(timelock), address(made)];
        for (uint256 i; i < others.length; ++i) {
            assertFalse(timelock.hasRole(timelock.PROPOSER_ROLE(), others[i]));
            assertFalse(timelock.hasRole(timelock.CANCELLER_ROLE(), others[i]));
            assertEq(timelock.hasRole(admin, others[i]), others[i] == address(timelock));
        }
        assertTrue(timelock.hasRole(timelock.PROPOSER_ROLE(), address(governor)));
    }
}
