// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {Signed} from "../support/WeftTest.sol";
import {World} from "./World.sol";

/// Payers and operators.
abstract contract ChannelMoves is World {
    uint256 private constant MOST_CHANNELS = 10;

    function deposit(uint256 who, uint256 amount) external watched {
        amount = amount % 1e24;
        vm.prank(_person(who));
        escrow.deposit(amount);
        _did("deposit");
    }

    function withdraw(uint256 who, uint256 toWhom, uint256 amount) external watched {
        (address person, address to) = (_person(who), _person(toWhom));
        amount = amount % (escrow.balances(person) + 1);
        vm.prank(person);
        escrow.withdraw(amount, to);
        _pay(person, to, amount);
        if (amount != 0) _did("withdraw");
    }

    /// Deposits what is missing.
    function open(uint256 who, uint256 asset, uint96 amount, uint40 spanSec) external watched {
        if (_chans.length == MOST_CHANNELS) return;
        amount = 1 + amount % 1e24;
        address person = _person(who);
        if (escrow.balances(person) < amount) {
            vm.prank(person);
            escrow.deposit(amount);
        }
        uint64 a = _asset(asset);
        IEscrow.Terms memory terms = IEscrow.Terms(person, vm.addr(_signerOf(person)), a, assets.tenureOf(a), ++_salt);
        IEscrow.Open[] memory opens = new IEscrow.Open[](1);
        uint40 expiresAtSec = uint40(block.timestamp + 1 + spanSec % 60 days);
        opens[0] = IEscrow.Open(terms.signer, a, terms.tenure, terms.salt, amount, expiresAtSec);
        vm.prank(person);
        escrow.open(opens);
        _chans.push().terms = terms;
        _did("open");
    }

    function topUp(uint256 which, uint256 who, uint96 more) external watched {
        (bool found, Chan storage k, IEscrow.Channel memory c) = _pickOpen(which);
        address person = _person(who);
        if (!found || block.timestamp >= c.expiresAtSec) return;
        more = uint96(more % (escrow.balances(person) + 1));
        vm.prank(person);
        escrow.topUpTo(k.terms, c.deposited + more);
        _pay(person, k.terms.payer, more); // a gift, if he is another
        if (more != 0) _did("topUp");
    }

    function extend(uint256 which, uint40 more) external watched {
        (bool found, Chan storage k, IEscrow.Channel memory c) = _pickOpen(which);
        uint256 latest = block.timestamp + 90 days;
        if (!found || block.timestamp >= c.expiresAtSec || c.expiresAtSec >= latest) return;
        vm.prank(k.terms.payer);
        escrow.extend(k.terms, uint40(c.expiresAtSec + 1 + more % (latest - c.expiresAtSec)));
        _did("extend");
    }

    /// A batch of a good entry, another that may be good or stale, and a third, by who may collect for the first.
    function claim(uint256 which, uint256 other, uint96[3] calldata amounts, uint256 how) external watched {
        (bool found, Chan storage k,) = _pickOpen(which);
        if (!found) return;
        address caller = _collectorOf(k.terms.asset, k.terms.tenure, how % 2 == 0);
        if (caller == address(0)) return;
        IEscrow.Claim[] memory claims = new IEscrow.Claim[](3);
        claims[0] = _entry(k, amounts[0], false);
        claims[1] = _entry(_chans[other % _chans.length], amounts[1], false);
        claims[2] = _entry(k, amounts[2], true);
        uint256[3] memory before;
        for (uint256 i; i < 3; ++i) {
            before[i] = _claimed(claims[i].terms);
        }
        vm.prank(caller);
        escrow.claim(claims);
        for (uint256 i; i < 3; ++i) {
            _expectClaimed(claims, before, i, caller);
        }
    }

    /// Of what the payer signed for this; with `greedy`, of more than that or than there is.
    function _entry(Chan storage k, uint96 amount, bool greedy) private returns (IEscrow.Claim memory) {
        IEscrow.Channel memory c = escrow.channel(escrow.channelIdOf(k.terms));
        uint256 cumulative = amount % (uint256(c.deposited) + 1) + (greedy ? amount % 3 : 0);
        (bytes32 r, bytes32 vs) = _voucher(k, cumulative);
        uint256 most = greedy && amount % 2 == 0 ? cumulative + 1 : cumulative;
        return IEscrow.Claim(k.terms, most, cumulative, bytes32(0), r, vs);
    }

    function _voucher(Chan storage k, uint256 cumulative) internal returns (bytes32 r, bytes32 vs) {
        if (cumulative > k.authorised) k.authorised = cumulative;
        bytes32 hash = Signed.hashVoucher(escrow.channelIdOf(k.terms), cumulative, bytes32(0));
        return _sign(_signerOf(k.terms.payer), hash);
    }

    function _claimed(IEscrow.Terms memory terms) private view returns (uint256) {
        return escrow.channel(escrow.channelIdOf(terms)).claimed;
    }

    /// An entry's channel has paid the highest that its good entries in the batch ask for.
    function _expectClaimed(IEscrow.Claim[] memory claims, uint256[3] memory before, uint256 i, address caller)
        private
    {
        IEscrow.Terms memory terms = claims[i].terms;
        bytes32 id = escrow.channelIdOf(terms);
        // Looked at already?
        for (uint256 j; j < i; ++j) {
            if (escrow.channelIdOf(claims[j].terms) == id) return;
        }
        IEscrow.Channel memory c = escrow.channel(id);
        uint256 expected = before[i];
        bool alive = c.status == IEscrow.Status.Open && block.timestamp < uint256(c.expiresAtSec) + escrow.WINDOW();
        bool may = assets.actsFor(terms.asset, terms.tenure, caller);
        for (uint256 j = i; j < 3 && alive && may; ++j) {
            IEscrow.Claim memory e = claims[j];
            bool good = e.amount <= e.cumulative && e.amount <= c.deposited;
            if (escrow.channelIdOf(e.terms) == id && good && e.amount > expected) expected = e.amount;
        }
        require(c.claimed == expected, "a claim did something else");
        _pay(terms.payer, assets.ownerAt(terms.asset, terms.tenure), expected - before[i]);
        if (expected == before[i]) return;
        _did(terms.tenure == assets.tenureOf(terms.asset) ? bytes32("claim") : bytes32("claim for a sold tenure"));
    }

    function close(uint256 which, uint96 spent) external watched {
        (bool found, Chan storage k, IEscrow.Channel memory c) = _pickOpen(which);
        uint256 key = _operatorKeys[k.terms.asset][k.terms.tenure];
        if (!found || key == 0) return;
        spent = uint96(c.claimed + spent % (uint256(c.deposited) - c.claimed + 1));
        bytes32 hash = Signed.hashClose(escrow.channelIdOf(k.terms), spent, uint40(block.timestamp));
        (bytes32 r, bytes32 vs) = _sign(key, hash);
        vm.prank(k.terms.payer);
        escrow.close(k.terms, spent, uint40(block.timestamp), r, vs);
        if (spent > k.authorised) k.authorised = spent;
        _pay(k.terms.payer, assets.ownerAt(k.terms.asset, k.terms.tenure), spent - c.claimed);
        _did("close");
    }

    function giveUp(uint256 which, uint256 how) external watched {
        (bool found, Chan storage k,) = _pickOpen(which);
        address caller = _collectorOf(k.terms.asset, k.terms.tenure, how % 2 == 0);
        if (!found || how % 3 != 0 || caller == address(0)) return;
        vm.prank(caller);
        escrow.giveUp(k.terms);
        _did("giveUp");
    }

    /// By anybody, of whatever is there: what is not released stays.
    function reclaim(uint256 which, uint256 other) external watched {
        if (_chans.length == 0) return;
        IEscrow.Terms[] memory terms = new IEscrow.Terms[](2);
        terms[0] = _chans[which % _chans.length].terms;
        terms[1] = _chans[other % _chans.length].terms;
        IEscrow.Channel memory c = escrow.channel(escrow.channelIdOf(terms[0]));
        bool due = c.status == IEscrow.Status.Open && block.timestamp >= uint256(c.expiresAtSec) + escrow.WINDOW();
        vm.prank(STRANGER);
        escrow.reclaim(terms);
        bool closed = escrow.channel(escrow.channelIdOf(terms[0])).status == IEscrow.Status.Closed;
        require(closed == (due || c.status == IEscrow.Status.Closed), "a reclaim did something else");
        if (due) _did("reclaim");
    }

    /// The next open one.
    function _pickOpen(uint256 which) internal view returns (bool found, Chan storage k, IEscrow.Channel memory c) {
        uint256 count = _chans.length;
        for (uint256 i; i < count; ++i) {
            k = _chans[(which % count + i) % count];
            if (k.last.status == IEscrow.Status.Open) return (true, k, k.last);
        }
        // With none yet this is a place where nothing is.
        mapping(uint256 => Chan) storage nowhere = _nowhere;
        return (false, nowhere[0], c);
    }

    mapping(uint256 => Chan) private _nowhere;
}
