// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Assets} from "../../src/Assets.sol";
import {Licences} from "../../src/Licences.sol";
import {TestToken} from "../../src/TestToken.sol";
import {IAssets} from "../../src/interfaces/IAssets.sol";
import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {ILicences} from "../../src/interfaces/ILicences.sol";
import {SignedUse} from "./SignedUse.sol";
import {Signed} from "./WeftTest.sol";
import {Vm} from "forge-std/Vm.sol";

/// Three people who sell, buy, use and end licences of one asset as the fuzzer says: honest moves, which must succeed, and
/// attacks, which must fail. What ought to be is kept beside what is.
contract LicenceMarket {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 private constant PEOPLE = 3;
    uint256 private constant MOST = 8;
    uint64 private constant ASSET = 1;
    bytes32 private constant LISTING = keccak256("a listing");

    struct Known {
        bytes32 id;
        ILicences.Offer terms;
        address holder; // zero: it is over
        uint256 paid;
        uint40 startSec;
        uint40 untilSec;
        uint40 endedSec;
        uint64 counted;
        uint16 signerNumber;
        bool named; // whether it has a signer
        uint96 lastEarned;
    }

    TestToken private immutable token;
    Assets private immutable assets;
    IEscrow private immutable escrow;
    Licences private immutable licences;

    address[] public people;
    Known[] private _known;
    uint256 public donated;
    uint256 public paid;
    uint256 public refunded; // credited, withdrawn or not
    uint256 public withdrawn;
    uint64 private _salt;
    mapping(bytes32 => uint256) public calls;

    /// Checks the licence that a move was about, against what it was before too.
    modifier checked(uint256 which) {
        _;
        if (_known.length != 0) check(which % _known.length);
    }

    constructor(TestToken token_, Assets assets_, IEscrow escrow_, Licences licences_) {
        (token, assets, escrow, licences) = (token_, assets_, escrow_, licences_);
        for (uint256 i; i < PEOPLE; ++i) {
            people.push(vm.addr(_key("person", i)));
            token.mint(people[i], 1e30);
            vm.prank(people[i]);
            token.approve(address(licences), type(uint256).max);
        }
        vm.prank(people[0]);
        assets.mint(vm.addr(_key("operator", 1)), new IAssets.Parent[](0), LISTING);
    }

    // Honest moves

    function buy(uint256 who, uint96 price, uint40 spanSec, uint64 calls_, uint256 shape) external {
        if (_known.length == MOST) return;
        ILicences.Offer memory o;
        (o.asset, o.tenure, o.salt) = (ASSET, assets.tenureOf(ASSET), ++_salt);
        o.kind = ILicences.Kind(shape % 4);
        shape /= 4;
        bool pass = o.kind == ILicences.Kind.Pass;
        bool lapses = o.kind != ILicences.Kind.Perpetual && !(pass && shape & 1 != 0);
        o.price = 1 + price % 1e20;
        o.spanSec = lapses ? 1 + spanSec % 60 days : 0;
        o.calls = pass ? 1 + calls_ % 1000 : 0;
        o.exclusive = o.kind == ILicences.Kind.Rental && shape & 2 != 0;
        o.transferable = shape & 4 != 0;
        o.refundable = lapses && shape & 24 != 0; // mostly
        o.revocable = o.refundable && shape & 32 != 0;
        vm.prank(assets.ownerOf(ASSET));
        licences.offer(o);
        _buy(_person(who), o, shape & 192 != 0);
    }

    /// Another licence of an offer that is still on sale.
    function buyAgain(uint256 which, uint256 who) external {
        if (_known.length == 0 || _known.length == MOST) return;
        ILicences.Offer memory o = _known[which % _known.length].terms;
        if (o.tenure == assets.tenureOf(ASSET)) _buy(_person(who), o, true);
    }

    function _buy(address buyer, ILicences.Offer memory o, bool named) private {
        uint64 salt = ++_salt;
        bytes32 offerId = licences.offerIdOf(o);
        bytes32 id = licences.licenceIdOf(buyer, offerId, salt);
        address signer = named ? vm.addr(_signerKey(id, 1)) : address(0);
        vm.prank(buyer);
        if (o.kind == ILicences.Kind.Rental && _exclusivelyRented()) {
            try licences.buy(offerId, LISTING, signer, salt) {
                revert("a rental began beside an exclusive one");
            } catch {}
            ++calls["excluded"];
            return;
        }
        licences.buy(offerId, LISTING, signer, salt);
        Known storage k = _known.push();
        (k.id, k.terms, k.holder, k.paid) = (id, o, buyer, o.price);
        paid += o.price;
        k.startSec = uint40(block.timestamp);
        k.untilSec = o.spanSec == 0 ? type(uint40).max : k.startSec + o.spanSec;
        (k.named, k.signerNumber) = (named, named ? 1 : 0);
        ++calls["buy"];
    }

    function _exclusivelyRented() private view returns (bool) {
        for (uint256 i; i < _known.length; ++i) {
            Known storage k = _known[i];
            if (k.terms.exclusive && k.holder != address(0) && block.timestamp < k.untilSec) return true;
        }
        return false;
    }

    function renew(uint256 which, uint256 who, uint40 periods) external checked(which) {
        (Known storage k, bool running) = _pick(which);
        if (!running || k.terms.kind != ILicences.Kind.Subscription || block.timestamp >= k.untilSec) return;
        if (k.terms.tenure != assets.tenureOf(ASSET)) return;
        periods = periods % 4;
        uint40 untilSec = k.untilSec + periods * k.terms.spanSec;
        if (untilSec > block.timestamp + licences.MAX_AHEAD()) return;
        vm.prank(_person(who));
        licences.renewTo(k.id, LISTING, untilSec);
        k.untilSec = untilSec;
        k.paid += uint256(periods) * k.terms.price;
        paid += uint256(periods) * k.terms.price;
        ++calls["renew"];
    }

    function claim(uint256 which, uint64 uses, uint64 more) external checked(which) {
        (Known storage k, bool running) = _pick(which);
        if (!running || k.terms.kind != ILicences.Kind.Pass || !k.named) return;
        if (k.counted == k.terms.calls || block.timestamp >= uint256(k.untilSec) + escrow.WINDOW()) return;
        uses = k.counted + 1 + uses % (k.terms.calls - k.counted);
        _claim(k, vm.addr(_key("operator", k.terms.tenure)), uses, uses + more % 1000);
        k.counted = uses;
        ++calls["claim"];
    }

    function _claim(Known storage k, address caller, uint64 uses, uint64 signedUses) private {
        bytes32 hash = SignedUse.hashUse(k.id, signedUses, bytes32(uint256(uses)));
        (bytes32 r, bytes32 vs) = _sign(_signerKey(k.id, k.signerNumber), hash);
        ILicences.Claim[] memory claims = new ILicences.Claim[](1);
        claims[0] = ILicences.Claim(k.id, uses, signedUses, bytes32(uint256(uses)), r, vs);
        vm.prank(caller);
        licences.claim(claims);
    }

    function seal(uint256 which, uint64 uses) external checked(which) {
        (Known storage k, bool running) = _pick(which);
        if (!running || k.terms.kind != ILicences.Kind.Pass || !k.named) return;
        uses = k.counted + uses % (k.terms.calls - k.counted + 1);
        bytes memory data = _sealData(k, uses, _key("operator", k.terms.tenure), k.signerNumber);
        vm.prank(k.holder);
        _must(data);
        (k.counted, k.named) = (uses, false);
        ++calls["seal"];
    }

    function setSigner(uint256 which) external checked(which) {
        (Known storage k, bool running) = _pick(which);
        if (!running || (k.terms.kind == ILicences.Kind.Pass && k.named)) return;
        vm.prank(k.holder);
        licences.setSigner(k.id, vm.addr(_signerKey(k.id, ++k.signerNumber)));
        k.named = true;
    }

    function transfer(uint256 which, uint256 to) external checked(which) {
        (Known storage k, bool running) = _pick(which);
        if (!running) return;
        bool may = k.terms.transferable && !(k.terms.kind == ILicences.Kind.Pass && k.named);
        vm.prank(k.holder);
        (bool done,) =
            address(licences).call(abi.encodeCall(licences.transferFrom, (k.holder, _person(to), uint256(k.id))));
        require(done == may, "a transfer that may not be, or may and was not");
        if (done) (k.holder, k.named) = (_person(to), false);
        if (done) ++calls["transfer"];
    }

    function refund(uint256 which) external checked(which) {
        (Known storage k, bool running) = _pick(which);
        if (!running) return;
        bool pass = k.terms.kind == ILicences.Kind.Pass;
        bool may = k.terms.refundable && (pass ? !k.named : block.timestamp < k.untilSec);
        vm.prank(k.holder);
        (bool done,) = address(licences).call(abi.encodeCall(licences.refund, (k.id)));
        require(done == may, "a refund that may not be, or may and was not");
        if (done) _ended(k);
        if (done) ++calls["refund"];
    }

    function revoke(uint256 which) external checked(which) {
        (Known storage k, bool running) = _pick(which);
        if (!running || !k.terms.revocable || block.timestamp >= k.untilSec) return;
        vm.prank(assets.ownerAt(ASSET, k.terms.tenure));
        licences.revoke(k.id);
        _ended(k);
        ++calls["revoke"];
    }

    function reclaim(uint256 which) public checked(which) {
        (Known storage k, bool running) = _pick(which);
        if (!running) return;
        bool may = k.terms.kind == ILicences.Kind.Pass && k.terms.refundable
            && block.timestamp >= uint256(k.untilSec) + escrow.WINDOW();
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = k.id;
        licences.reclaim(ids);
        if (may) _ended(k);
        if (may) ++calls["reclaim"];
    }

    function push(uint256 which) public checked(which) {
        if (_known.length == 0) return;
        Known storage k = _known[which % _known.length];
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = k.id;
        if (licences.push(ASSET, k.terms.tenure, ids) != 0) ++calls["push"];
        require(licences.due(ASSET, k.terms.tenure) == 0, "something was not pushed");
    }

    function withdraw(uint256 who, uint256 amount) external {
        address person = _person(who);
        amount = amount % (licences.refunds(person) + 1);
        vm.prank(person);
        licences.withdraw(amount, person);
        withdrawn += amount;
        if (amount != 0) ++calls["withdraw"];
    }

    function donate(uint64 amount) external {
        token.mint(address(licences), amount);
        donated += amount;
    }

    function sellAsset(uint256 to) external {
        address from = assets.ownerOf(ASSET);
        vm.prank(from);
        assets.transferFrom(from, _person(to), ASSET);
        uint32 tenure = assets.tenureOf(ASSET);
        vm.startPrank(_person(to));
        assets.setOperator(ASSET, vm.addr(_key("operator", tenure)));
        assets.publish(ASSET, LISTING, 1);
        vm.stopPrank();
    }

    function wait(uint24 sec) external {
        vm.warp(block.timestamp + sec / 8);
    }

    // Attacks: each must fail and change nothing

    function intrude(uint256 which, uint256 who, uint64 uses, uint256 kind) external checked(which) {
        (Known storage k, bool running) = _pick(which);
        if (!running) return;
        address person = _person(who);
        bytes32 before = digest();
        kind = kind % 6;
        bytes memory data;
        if (kind == 0) {
            if (person == k.holder) return;
            data = abi.encodeCall(licences.refund, (k.id));
        } else if (kind == 1) {
            if (person == assets.ownerAt(ASSET, k.terms.tenure)) return;
            data = abi.encodeCall(licences.revoke, (k.id));
        } else if (kind == 2) {
            person = k.holder; // a count that he signed himself
            data = _sealData(k, uses, _signerKey(k.id, k.signerNumber), k.signerNumber);
        } else if (kind == 3) {
            if (k.signerNumber == 0) return;
            person = k.holder; // a count of the signer before
            data = _sealData(k, k.counted, _key("operator", k.terms.tenure), k.signerNumber - 1);
        } else if (kind == 4) {
            data = abi.encodeCall(licences.withdraw, (licences.refunds(person) + 1, person));
        } else {
            // A claim by who may not, or of a signer who is gone
            bool gone = !k.named;
            if (gone) person = vm.addr(_key("operator", k.terms.tenure));
            else if (assets.actsFor(ASSET, k.terms.tenure, person)) return;
            _claim(k, person, uses, uses);
            require(digest() == before, "an attack changed something");
            return;
        }
        vm.prank(person);
        (bool done,) = address(licences).call(data);
        require(!done && digest() == before, "an intrusion succeeded");
        ++calls["intrude"];
    }

    // What ought to be

    function digest() public view returns (bytes32 sum) {
        for (uint256 i; i < _known.length; ++i) {
            sum = keccak256(abi.encode(sum, licences.state(_known[i].id)));
        }
        for (uint256 i; i < PEOPLE; ++i) {
            sum = keccak256(abi.encode(sum, licences.refunds(people[i]), token.balanceOf(people[i])));
        }
        return keccak256(abi.encode(sum, token.balanceOf(address(licences))));
    }

    function count() external view returns (uint256) {
        return _known.length;
    }

    function idOf(uint256 i) external view returns (bytes32) {
        return _known[i].id;
    }

    /// What the contract says of a licence is what ought to be.
    function check(uint256 i) public returns (uint96 earned) {
        Known storage k = _known[i];
        ILicences.State memory s = licences.state(k.id);
        require(s.earned == earnedOf(i), "I2 earned");
        require(s.paid == (k.holder == address(0) ? s.earned : k.paid), "I2 paid");
        require(s.earned >= k.lastEarned, "I3 earned fell");
        require(s.holder == k.holder, "holder");
        require((s.signer != address(0)) == k.named, "signer");
        require(s.signerNumber == k.signerNumber, "signerNumber");
        require(s.uses == k.counted, "uses");
        require(s.validUntilSec == k.untilSec, "validUntilSec");
        bool left = k.terms.kind != ILicences.Kind.Pass || k.counted < k.terms.calls;
        require(s.valid == (k.holder != address(0) && block.timestamp < k.untilSec && left), "valid");
        require(s.valid == licences.isValid(k.id), "isValid");
        return k.lastEarned = s.earned;
    }

    /// What a licence has earned by now: of what was paid, in proportion to time or calls.
    function earnedOf(uint256 i) public view returns (uint256) {
        return _earnedOf(_known[i]);
    }

    function _earnedOf(Known storage k) private view returns (uint256) {
        if (!k.terms.refundable) return k.paid;
        if (k.terms.kind == ILicences.Kind.Pass) return uint256(k.terms.price) * k.counted / k.terms.calls;
        uint256 atSec = k.endedSec == 0 ? block.timestamp : k.endedSec;
        if (atSec > k.untilSec) atSec = k.untilSec;
        return uint256(k.terms.price) * (atSec - k.startSec) / k.terms.spanSec;
    }

    // Inside

    function _ended(Known storage k) private {
        (k.holder, k.named, k.endedSec) = (address(0), false, uint40(block.timestamp));
        refunded += k.paid - _earnedOf(k);
    }

    function _pick(uint256 which) private view returns (Known storage k, bool running) {
        if (_known.length == 0) return (_nothing(), false);
        k = _known[which % _known.length];
        running = k.holder != address(0);
    }

    mapping(uint256 => Known) private _none;

    function _nothing() private view returns (Known storage) {
        return _none[0];
    }

    function _sealData(Known storage k, uint64 uses, uint256 by, uint16 number) private view returns (bytes memory) {
        uint40 deadlineSec = uint40(block.timestamp);
        (bytes32 r, bytes32 vs) = _sign(by, SignedUse.hashCount(k.id, uses, number, deadlineSec));
        return abi.encodeCall(licences.seal, (k.id, uses, deadlineSec, r, vs));
    }

    function _must(bytes memory data) private {
        (bool done, bytes memory why) = address(licences).call(data);
        require(done, string(why));
    }

    function _sign(uint256 by, bytes32 hash) private view returns (bytes32 r, bytes32 vs) {
        (uint8 v, bytes32 r_, bytes32 s) = vm.sign(by, Signed.digest(block.chainid, address(escrow), hash));
        return (r_, bytes32(uint256(s) | (uint256(v - 27) << 255)));
    }

    function _signerKey(bytes32 id, uint16 number) private pure returns (uint256) {
        return _key("signer", uint256(keccak256(abi.encode(id, number))));
    }

    function _key(string memory name, uint256 n) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(name, n))) >> 1;
    }

    function _person(uint256 n) private view returns (address) {
        return people[n % PEOPLE];
    }
}
