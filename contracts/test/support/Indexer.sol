// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {IRevenue} from "../../src/interfaces/IRevenue.sol";
import {Vm} from "forge-std/Vm.sol";

/// Rebuilds every balance from events alone, as an indexer off chain would.
contract Indexer {
    address private immutable _escrow;
    address private immutable _revenue;

    mapping(address => uint256) public free;
    mapping(bytes32 => IEscrow.Channel) private _channels;
    mapping(bytes32 => address) public payerOf;
    mapping(bytes32 => bytes32) public tenureOf;
    mapping(bytes32 => uint256) public earned;
    mapping(bytes32 => uint256) public collected;
    mapping(address => uint256) public revenueOf;

    constructor(address escrow, address revenue) {
        (_escrow, _revenue) = (escrow, revenue);
    }

    function channel(bytes32 id) external view returns (IEscrow.Channel memory) {
        return _channels[id];
    }

    function key(uint64 asset, uint32 tenure) public pure returns (bytes32) {
        return keccak256(abi.encode(asset, tenure));
    }

    function index(Vm.Log[] calldata logs) external {
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].emitter == _escrow) _escrowEvent(logs[i]);
            if (logs[i].emitter == _revenue) _revenueEvent(logs[i]);
        }
    }

    function _escrowEvent(Vm.Log calldata log) private {
        bytes32 kind = log.topics[0];
        bytes32 id = log.topics[1];
        address who = address(uint160(uint256(id)));
        IEscrow.Channel storage c = _channels[id];
        if (kind == IEscrow.Deposited.selector) {
            free[who] += abi.decode(log.data, (uint256));
        } else if (kind == IEscrow.Withdrawn.selector) {
            free[who] -= abi.decode(log.data, (uint256));
        } else if (kind == IEscrow.Opened.selector) {
            _opened(log, c);
        } else if (kind == IEscrow.ToppedUp.selector) {
            (uint96 added, uint96 deposited) = abi.decode(log.data, (uint96, uint96));
            free[_address(log.topics[2])] -= added;
            c.deposited += added;
            require(c.deposited == deposited, "ToppedUp contradicts itself");
        } else if (kind == IEscrow.Extended.selector) {
            c.expiresAtSec = abi.decode(log.data, (uint40));
        } else if (kind == IEscrow.Claimed.selector) {
            (uint32 tenure, uint96 more, uint96 claimed) = abi.decode(log.data, (uint32, uint96, uint96));
            c.claimed += more;
            earned[key(uint64(uint256(log.topics[2])), tenure)] += more;
            require(c.claimed == claimed, "Claimed contradicts itself");
        } else if (kind == IEscrow.Closed.selector) {
            (uint96 more, uint96 refunded) = abi.decode(log.data, (uint96, uint96));
            c.claimed += more;
            c.status = IEscrow.Status.Closed;
            earned[tenureOf[id]] += more;
            free[_address(log.topics[2])] += refunded;
            require(c.claimed + refunded == c.deposited, "Closed loses money");
        } else if (kind == IEscrow.Collected.selector) {
            collected[key(uint64(uint256(id)), uint32(uint256(log.topics[2])))] += abi.decode(log.data, (uint256));
        } else {
            require(kind == IEscrow.Skipped.selector, "an event nobody knows");
        }
    }

    function _opened(Vm.Log calldata log, IEscrow.Channel storage c) private {
        (, uint32 tenure,, uint96 amount, uint40 expiresAtSec) =
            abi.decode(log.data, (address, uint32, uint64, uint96, uint40));
        bytes32 id = log.topics[1];
        free[_address(log.topics[2])] -= amount;
        (c.deposited, c.expiresAtSec, c.status) = (amount, expiresAtSec, IEscrow.Status.Open);
        payerOf[id] = _address(log.topics[2]);
        tenureOf[id] = key(uint64(uint256(log.topics[3])), tenure);
    }

    function _revenueEvent(Vm.Log calldata log) private {
        uint256 amount = abi.decode(log.data, (uint256));
        if (log.topics[0] == IRevenue.Released.selector) revenueOf[_address(log.topics[3])] += amount;
        if (log.topics[0] == IRevenue.Withdrawn.selector) revenueOf[_address(log.topics[1])] -= amount;
    }

    function _address(bytes32 topic) private pure returns (address) {
        return address(uint160(uint256(topic)));
    }
}
