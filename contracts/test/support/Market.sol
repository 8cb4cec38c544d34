// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Assets} from "../../src/Assets.sol";
import {Escrow} from "../../src/Escrow.sol";
import {TestToken} from "../../src/TestToken.sol";
import {IAssets} from "../../src/interfaces/IAssets.sol";
import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {IRevenue} from "../../src/interfaces/IRevenue.sol";
import {Indexer} from "./Indexer.sol";
import {Signed} from "./WeftTest.sol";
import {Vm} from "forge-std/Vm.sol";

/// A small market in which everybody does as the fuzzer says: honest moves, which must succeed, and attacks, which
/// must fail. What ought to be is kept beside what is.
contract Market {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 private constant PEOPLE = 4;
    uint256 private constant ASSETS = 3;
    uint256 public constant START = 1e30; // above the largest amount of a channel

    struct Known {
        IEscrow.Terms terms;
        uint256 highestSigned; // by a voucher
        uint256 agreed; // by a Close
        uint256 gifts; // topped up by others
        IEscrow.Channel last; // as it was seen last
        address refundedTo;
    }

    TestToken public immutable token;
    Assets public immutable assets;
    Escrow public immutable escrow;
    IRevenue public immutable revenue;
    Indexer public immutable indexer;

    address[] public people;
    bytes32[] public ids;
    mapping(bytes32 => Known) private _known;
    mapping(bytes32 => mapping(uint256 => IEscrow.Claim)) private _vouchers;
    mapping(bytes32 => uint256) private _voucherCount;
    mapping(bytes32 => IEscrow.Claim) private _best; // of the highest voucher
    mapping(address => int256) public owed; // by the escrow and Revenue: in less out
    uint256 public donated;
    mapping(bytes32 => uint256) public calls;

    /// Every change goes through here: events are indexed, and nothing that was seen before has run backwards.
    modifier recorded(bytes32 name) {
        vm.recordLogs();
        _;
        indexer.index(vm.getRecordedLogs());
        _watch();
        ++calls[name];
    }

    /// I3, after each move: what is written down in an invariant function is forgotten with it, so it is done here.
    function _watch() private {
        for (uint256 i; i < ids.length; ++i) {
            IEscrow.Channel memory now_ = escrow.channel(ids[i]);
            IEscrow.Channel storage before = _known[ids[i]].last;
            require(now_.claimed >= before.claimed, "I3 claimed fell");
            require(now_.deposited >= before.deposited, "I3 deposited fell");
            require(now_.expiresAtSec >= before.expiresAtSec, "I3 expiry moved earlier");
            require(uint8(now_.status) >= uint8(before.status), "I3 a closed channel opened");
            _known[ids[i]].last = now_;
        }
    }

    constructor(TestToken token_, Assets assets_, Escrow escrow_) {
        (token, assets, escrow, revenue) = (token_, assets_, escrow_, escrow_.revenue());
        indexer = new Indexer(address(escrow_), address(escrow_.revenue()));
        for (uint256 i; i < PEOPLE; ++i) {
            people.push(vm.addr(_key("person", i)));
            token.mint(people[i], START);
            vm.prank(people[i]);
            token.approve(address(escrow), type(uint256).max);
        }
        for (uint256 i; i < ASSETS; ++i) {
            vm.prank(people[i]);
            assets.mint(vm.addr(_operatorKey(uint64(i + 1), 1)), new IAssets.Parent[](0), bytes32(0));
        }
    }

    // Honest moves

    function deposit(uint256 who, uint256 amount) external recorded("deposit") {
        address person = _person(who);
        amount = amount % (token.balanceOf(person) + 1);
        vm.prank(person);
        escrow.deposit(amount);
        owed[person] += int256(amount);
    }

    function withdraw(uint256 who, uint256 toWhom, uint256 amount) external recorded("withdraw") {
        address person = _person(who);
        amount = amount % (escrow.balances(person) + 1);
        vm.prank(person);
        escrow.withdraw(amount, _person(toWhom));
        owed[person] -= int256(amount);
    }

    function open(uint256 who, uint256 asset, uint64 salt, uint96[3] calldata amounts, uint40 spanSec)
        external
        recorded("open")
    {
        uint256 left = escrow.balances(_person(who));
        IEscrow.Open[] memory opens = new IEscrow.Open[](3);
        uint256 count;
        for (; count < 3 && left > 0; ++count) {
            uint96 amount = uint96(1 + amounts[count] % (left < type(uint96).max ? left : type(uint96).max));
            uint40 expiresAtSec = uint40(block.timestamp + 1 + spanSec % 90 days);
            IEscrow.Terms memory terms = _newTerms(who, _asset(asset % ASSETS + count), salt ^ uint64(count));
            if (terms.payer == address(0)) break;
            left -= amount;
            opens[count] = IEscrow.Open(terms.signer, terms.asset, terms.tenure, terms.salt, amount, expiresAtSec);
        }
        IEscrow.Open[] memory filled = new IEscrow.Open[](count);
        for (uint256 i; i < count; ++i) {
            filled[i] = opens[i];
        }
        vm.prank(_person(who));
        escrow.open(filled);
    }

    /// Empty if there is such a channel already.
    function _newTerms(uint256 who, uint64 asset, uint64 salt) private returns (IEscrow.Terms memory terms) {
        terms = IEscrow.Terms(_person(who), vm.addr(_key("signer", who % PEOPLE)), asset, assets.tenureOf(asset), salt);
        bytes32 id = escrow.channelIdOf(terms);
        if (_known[id].terms.payer != address(0)) return IEscrow.Terms(address(0), address(0), 0, 0, 0);
        _known[id].terms = terms;
        ids.push(id);
    }

    function topUp(uint256 which, uint256 who, uint96 more) external recorded("topUp") {
        (Known storage k, IEscrow.Channel memory c) = _channel(which);
        address person = _person(who);
        if (c.status != IEscrow.Status.Open || block.timestamp >= c.expiresAtSec) return;
        uint256 room = type(uint96).max - c.deposited;
        uint256 balance = escrow.balances(person);
        more = uint96(more % ((room < balance ? room : balance) + 1));
        vm.prank(person);
        escrow.topUpTo(k.terms, c.deposited + more);
        if (person != k.terms.payer) {
            k.gifts += more;
            owed[person] -= int256(uint256(more));
            owed[k.terms.payer] += int256(uint256(more));
        }
    }

    function extend(uint256 which, uint40 more) external recorded("extend") {
        (Known storage k, IEscrow.Channel memory c) = _channel(which);
        uint256 latest = block.timestamp + 90 days;
        if (c.status != IEscrow.Status.Open || block.timestamp >= c.expiresAtSec || c.expiresAtSec >= latest) return;
        vm.prank(k.terms.payer);
        escrow.extend(k.terms, uint40(c.expiresAtSec + 1 + more % (latest - c.expiresAtSec)));
    }

    /// The payer signs a voucher; it may authorise more than the channel holds.
    function sign(uint256 which, uint96 cumulative, bytes32 commitment) public {
        if (ids.length == 0) return;
        (Known storage k, IEscrow.Channel memory c) = _channel(which);
        if (cumulative % 4 != 0) cumulative = uint96(cumulative % (uint256(c.deposited) + 1));
        bytes32 id = escrow.channelIdOf(k.terms);
        _vouchers[id][_voucherCount[id]++] = _voucher(k, cumulative, commitment);
        ++calls["sign"];
    }

    function _voucher(Known storage k, uint96 cumulative, bytes32 commitment) private returns (IEscrow.Claim memory) {
        bytes32 hash = Signed.hashVoucher(escrow.channelIdOf(k.terms), cumulative, commitment);
        (bytes32 r, bytes32 vs) = _sign(_signerKey(k.terms), hash);
        IEscrow.Claim memory entry = IEscrow.Claim(k.terms, cumulative, cumulative, commitment, r, vs);
        if (cumulative <= k.highestSigned) return entry;
        k.highestSigned = cumulative;
        _best[escrow.channelIdOf(k.terms)] = entry;
        return entry;
    }

    /// The operator claims a handful of what he has, good and stale mixed: the good ones count, the others change nothing.
    function claim(uint256[3] calldata which, uint256[3] calldata voucher, uint96[3] calldata less)
        external
        recorded("claim")
    {
        if (ids.length == 0) return;
        IEscrow.Claim[] memory claims = new IEscrow.Claim[](3);
        for (uint256 i; i < 3; ++i) {
            bytes32 id = ids[which[i] % ids.length];
            if (_voucherCount[id] == 0) sign(which[i] % ids.length, less[i], bytes32(voucher[i]));
            claims[i] = _vouchers[id][voucher[i] % _voucherCount[id]];
            claims[i].amount -= less[i] % 3 == 0 ? less[i] % (claims[i].amount + 1) : 0;
        }
        address caller = _collectorOf(claims[0].terms, voucher[0]);
        uint256[3] memory expected;
        for (uint256 i; i < 3; ++i) {
            expected[i] = _claimedAfter(claims, i, caller);
        }
        vm.prank(caller);
        escrow.claim(claims);
        for (uint256 i; i < 3; ++i) {
            bytes32 id = escrow.channelIdOf(claims[i].terms);
            require(escrow.channel(id).claimed == expected[i], "a claim did not do what it should");
            _moveClaimed(id);
        }
    }

    /// What a channel ought to have paid after a batch of properly signed entries: the highest that it can pay.
    function _claimedAfter(IEscrow.Claim[] memory claims, uint256 i, address caller)
        private
        view
        returns (uint256 claimed)
    {
        bytes32 id = escrow.channelIdOf(claims[i].terms);
        IEscrow.Channel memory c = escrow.channel(id);
        claimed = c.claimed;
        if (c.status != IEscrow.Status.Open || block.timestamp >= c.expiresAtSec + escrow.WINDOW()) return claimed;
        if (!assets.actsFor(claims[i].terms.asset, claims[i].terms.tenure, caller)) return claimed;
        for (uint256 j; j < 3; ++j) {
            if (escrow.channelIdOf(claims[j].terms) != id) continue;
            if (claims[j].amount > claimed && claims[j].amount <= c.deposited) claimed = claims[j].amount;
        }
    }

    function close(uint256 which, uint96 spent) external recorded("close") {
        (Known storage k, IEscrow.Channel memory c) = _channel(which);
        (uint256 key, bool has) = _operatorOf(k.terms);
        if (c.status != IEscrow.Status.Open || !has) return;
        spent = uint96(c.claimed + spent % (uint256(c.deposited) - c.claimed + 1));
        bytes32 id = escrow.channelIdOf(k.terms);
        (bytes32 r, bytes32 vs) = _sign(key, Signed.hashClose(id, spent, uint40(block.timestamp)));
        vm.prank(k.terms.payer);
        escrow.close(k.terms, spent, uint40(block.timestamp), r, vs);
        k.agreed = spent;
        _moveClaimed(id);
    }

    function giveUp(uint256 which, uint256 how) external recorded("giveUp") {
        (Known storage k, IEscrow.Channel memory c) = _channel(which);
        address caller = _collectorOf(k.terms, how);
        if (c.status != IEscrow.Status.Open || how % 4 != 0 || caller == address(0)) return;
        vm.prank(caller);
        escrow.giveUp(k.terms);
    }

    function reclaim(uint256[3] calldata which, uint256 who) external recorded("reclaim") {
        if (ids.length == 0) return;
        IEscrow.Terms[] memory terms = new IEscrow.Terms[](3);
        for (uint256 i; i < 3; ++i) {
            terms[i] = _known[ids[which[i] % ids.length]].terms;
        }
        vm.prank(_person(who));
        escrow.reclaim(terms);
    }

    function transfer(uint256 asset, uint256 to, bool named) external recorded("transfer") {
        uint64 id = _asset(asset);
        address from = assets.ownerOf(id);
        vm.prank(from);
        assets.transferFrom(from, _person(to), id);
        if (named) _nameNextOperator(id);
    }

    function setOperator(uint256 asset) external recorded("setOperator") {
        _nameNextOperator(_asset(asset));
    }

    function release(uint256 asset, uint32 tenure) external recorded("release") {
        uint64 id = _asset(asset);
        revenue.release(id, 1 + tenure % assets.tenureOf(id));
    }

    function takeRevenue(uint256 who, uint256 amount) external recorded("takeRevenue") {
        address person = _person(who);
        amount = amount % (revenue.balances(person) + 1);
        vm.prank(person);
        revenue.withdraw(amount, person);
        owed[person] -= int256(amount);
    }

    function donate(uint96 amount, bool toRevenue) external recorded("donate") {
        token.mint(toRevenue ? address(revenue) : address(escrow), amount);
        if (!toRevenue) donated += amount;
    }

    function wait(uint24 sec) external {
        vm.warp(block.timestamp + sec / 8);
    }

    // Attacks: each must fail and change nothing

    /// A claim that would be good, but for one thing.
    function steal(uint256 which, uint256 other, uint96 more, uint256 kind) external recorded("steal") {
        (Known storage k, IEscrow.Channel memory c) = _channel(which);
        address caller = _collectorOf(k.terms, 0);
        bool ended = c.status != IEscrow.Status.Open || block.timestamp >= c.expiresAtSec + escrow.WINDOW();
        if (ended || c.claimed == c.deposited || (caller == address(0) && kind % 6 != 4)) return;
        uint96 amount = c.claimed + 1 + more % (c.deposited - c.claimed);
        IEscrow.Claim memory entry = _voucher(k, amount, bytes32(other));
        kind = kind % 6;
        if (kind == 0) entry.amount = ++entry.cumulative; // more than was signed
        if (kind == 1) ++entry.amount; // more than the voucher says
        if (kind == 2) entry.terms = _known[ids[other % ids.length]].terms; // another channel
        if (kind == 3) entry.vs ^= bytes32(uint256(1) << 255);
        if (kind == 4) caller = _person(other); // not the operator
        if (kind == 5) entry.commitment ^= bytes32(uint256(1)); // another call
        if (kind == 2 && ids[other % ids.length] == ids[which % ids.length]) return;
        if (kind == 4 && assets.actsFor(entry.terms.asset, entry.terms.tenure, caller)) return;
        bytes32 before = digest();
        IEscrow.Claim[] memory claims = new IEscrow.Claim[](1);
        claims[0] = entry;
        vm.prank(caller);
        escrow.claim(claims);
        require(digest() == before, "an attack changed something");
    }

    function intrude(uint256 which, uint256 who, uint256 kind, uint40 time) external recorded("intrude") {
        if (ids.length == 0) return;
        (Known storage k, IEscrow.Channel memory c) = _channel(which);
        address person = _person(who);
        bytes memory data;
        kind = kind % 7;
        if (kind == 0) {
            if (person == k.terms.payer) return;
            data = abi.encodeCall(IEscrow.extend, (k.terms, uint40(block.timestamp + 89 days)));
        } else if (kind == 1) {
            person = k.terms.payer; // earlier than it was, but not yet past
            if (block.timestamp >= c.expiresAtSec) return;
            data = abi.encodeCall(
                IEscrow.extend, (k.terms, c.expiresAtSec - time % (c.expiresAtSec - uint40(block.timestamp)))
            );
        } else if (kind == 2) {
            if (assets.actsFor(k.terms.asset, k.terms.tenure, person)) return;
            data = abi.encodeCall(IEscrow.giveUp, (k.terms));
        } else if (kind == 3) {
            person = k.terms.payer; // a close that he signed himself
            data = _closeData(k.terms, c.claimed, _signerKey(k.terms));
        } else if (kind == 6) {
            person = k.terms.payer; // a close at less than was claimed or more than was deposited
            (uint256 key, bool has) = _operatorOf(k.terms);
            if (!has || (time % 2 == 0 ? c.claimed == 0 : c.deposited == type(uint96).max)) return;
            data = _closeData(k.terms, time % 2 == 0 ? c.claimed - 1 : c.deposited + 1, key);
        } else if (kind == 4) {
            data = abi.encodeCall(IEscrow.collect, (k.terms.asset, k.terms.tenure));
        } else {
            data = abi.encodeCall(IEscrow.withdraw, (escrow.balances(person) + 1, person));
        }
        bytes32 before = digest();
        vm.prank(person);
        (bool done,) = address(escrow).call(data);
        require(!done && digest() == before, "an intrusion succeeded");
    }

    function _closeData(IEscrow.Terms memory terms, uint96 spent, uint256 key) private view returns (bytes memory) {
        uint40 deadlineSec = uint40(block.timestamp);
        (bytes32 r, bytes32 vs) = _sign(key, Signed.hashClose(escrow.channelIdOf(terms), spent, deadlineSec));
        return abi.encodeCall(IEscrow.close, (terms, spent, deadlineSec, r, vs));
    }

    // What ought to be

    /// Everything that is stored about money.
    function digest() public view returns (bytes32 sum) {
        for (uint256 i; i < ids.length; ++i) {
            sum = keccak256(abi.encode(sum, escrow.channel(ids[i])));
        }
        for (uint256 i; i < PEOPLE; ++i) {
            sum = keccak256(abi.encode(sum, escrow.balances(people[i]), revenue.balances(people[i])));
        }
        (uint256 earned, uint256 collected) = incomes();
        return keccak256(abi.encode(sum, earned, collected, token.balanceOf(address(escrow))));
    }

    function incomes() public view returns (uint256 earned, uint256 collected) {
        for (uint64 asset = 1; asset <= ASSETS; ++asset) {
            for (uint32 tenure = 1; tenure <= assets.tenureOf(asset); ++tenure) {
                (uint256 e, uint256 c) = escrow.income(asset, tenure);
                (earned, collected) = (earned + e, collected + c);
            }
        }
    }

    /// Tries, and takes back, what the recipient of a channel must be able to do in every state before its release: claim
    /// all that was signed and is there, now and in the last second.
    function redeem(bytes32 id) external {
        Known storage k = _known[id];
        IEscrow.Channel memory c = escrow.channel(id);
        uint256 due = k.highestSigned < c.deposited ? k.highestSigned : c.deposited;
        uint256 lastSec = c.expiresAtSec + escrow.WINDOW() - 1;
        if (c.status != IEscrow.Status.Open || block.timestamp > lastSec || due <= c.claimed) return;
        require(_redeemedAt(id, block.timestamp, due) == due, "I5 a good voucher was not paid");
        require(_redeemedAt(id, lastSec, due) == due, "I5 a good voucher was not paid in the last second");
        ++calls["redeem"];
    }

    function _redeemedAt(bytes32 id, uint256 sec, uint256 due) private returns (uint256 claimed) {
        IEscrow.Claim[] memory claims = new IEscrow.Claim[](1);
        claims[0] = _best[id];
        claims[0].amount = due;
        IEscrow.Terms memory terms = claims[0].terms;
        uint256 state = vm.snapshotState();
        vm.warp(sec);
        address caller = _collectorOf(terms, sec);
        if (caller == address(0)) caller = _collectorOf(terms, 1);
        if (caller == address(0)) {
            _nameNextOperator(terms.asset); // its owner, who is the recipient, had none
            caller = _collectorOf(terms, 0);
        }
        vm.prank(caller);
        escrow.claim(claims);
        claimed = escrow.channel(id).claimed;
        vm.revertToStateAndDelete(state);
    }

    function channelCount() external view returns (uint256) {
        return ids.length;
    }

    function known(bytes32 id) external view returns (Known memory) {
        return _known[id];
    }

    // Inside

    /// What a claim or close moved belongs to the owner of the channel's tenure from now on.
    function _moveClaimed(bytes32 id) private {
        Known storage k = _known[id];
        int256 more = int256(uint256(escrow.channel(id).claimed)) - int256(uint256(k.last.claimed));
        k.last.claimed = escrow.channel(id).claimed;
        owed[k.terms.payer] -= more;
        owed[assets.ownerAt(k.terms.asset, k.terms.tenure)] += more;
    }

    function _nameNextOperator(uint64 asset) private {
        uint256 n = 1;
        while (assets.span(asset, vm.addr(_operatorKey(asset, n))).tenure != 0) ++n;
        vm.prank(assets.ownerOf(asset));
        assets.setOperator(asset, vm.addr(_operatorKey(asset, n)));
    }

    /// Who may claim for a tenure: its operator, or the seller.
    function _collectorOf(IEscrow.Terms memory terms, uint256 how) private view returns (address) {
        address owner = assets.ownerAt(terms.asset, terms.tenure);
        if (how % 2 == 1 && assets.actsFor(terms.asset, terms.tenure, owner)) return owner;
        (uint256 key, bool has) = _operatorOf(terms);
        return has ? vm.addr(key) : address(0);
    }

    function _operatorOf(IEscrow.Terms memory terms) private view returns (uint256 key, bool has) {
        for (uint256 n = 1;; ++n) {
            key = _operatorKey(terms.asset, n);
            if (assets.isOperator(terms.asset, terms.tenure, vm.addr(key))) return (key, true);
            if (assets.span(terms.asset, vm.addr(key)).tenure == 0) return (0, false);
        }
    }

    function _channel(uint256 which) private view returns (Known storage k, IEscrow.Channel memory c) {
        // With no channel yet this is one that is not open.
        bytes32 id = ids.length == 0 ? bytes32(0) : ids[which % ids.length];
        return (_known[id], escrow.channel(id));
    }

    function _sign(uint256 key, bytes32 hash) private view returns (bytes32 r, bytes32 vs) {
        (uint8 v, bytes32 r_, bytes32 s) = vm.sign(key, Signed.digest(block.chainid, address(escrow), hash));
        return (r_, bytes32(uint256(s) | (uint256(v - 27) << 255)));
    }

    function _signerKey(IEscrow.Terms memory terms) private view returns (uint256 key) {
        for (uint256 i; i < PEOPLE; ++i) {
            key = _key("signer", i);
            if (vm.addr(key) == terms.signer) return key;
        }
        revert("an unknown signer");
    }

    function _operatorKey(uint64 asset, uint256 n) private pure returns (uint256) {
        return _key("operator", uint256(asset) * 1000 + n);
    }

    function _key(string memory name, uint256 n) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(name, n))) >> 1;
    }

    function _person(uint256 n) private view returns (address) {
        return people[n % PEOPLE];
    }

    function _asset(uint256 n) private pure returns (uint64) {
        return uint64(n % ASSETS) + 1;
    }
}
