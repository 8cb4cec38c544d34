// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {WeftGovernor} from "./WeftGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";

/// @title A governor and its timelock, made in one transaction
/// @notice The timelock does what the governor's voters decide, and nothing else: only the governor proposes and cancels,
/// anyone executes what is due, and nobody is admin, from the first moment on. This contract has no function.
contract Governance {
    WeftGovernor public immutable governor;
    TimelockController public immutable timelock;

    /// @param delaySec from a proposal to the vote, and again from its success to its execution
    /// @param periodSec of a vote
    /// @param threshold votes that a proposer needs
    /// @param quorumPercent of all votes that must take part
    constructor(
        string memory name,
        IVotes votes,
        uint48 delaySec,
        uint32 periodSec,
        uint256 threshold,
        uint256 quorumPercent
    ) {
        address[] memory none = new address[](0);
        address[] memory anyone = new address[](1);
        TimelockController made = new TimelockController(delaySec, none, anyone, address(this));
        governor = new WeftGovernor(name, votes, made, delaySec, periodSec, threshold, quorumPercent);
        made.grantRole(made.PROPOSER_ROLE(), address(governor));
        made.grantRole(made.CANCELLER_ROLE(), address(governor));
        made.renounceRole(made.DEFAULT_ADMIN_ROLE(), address(this));
        timelock = made;
    }
}
