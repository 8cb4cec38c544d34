// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TimedVotes} from "./TimedVotes.sol";

/// @title What votes about the protocol's fee
/// @notice A fixed supply, all of it at first with whoever deploys. It is worth nothing but its votes.
contract VotesToken is TimedVotes {
    constructor() TimedVotes("Weft Votes", "vWEFT") {
        _mint(msg.sender, 1_000_000e18);
    }
}
