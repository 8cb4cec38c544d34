// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAssets} from "../../src/interfaces/IAssets.sol";
import {ILicences} from "../../src/interfaces/ILicences.sol";
import {SignedUse} from "../support/SignedUse.sol";
import {World} from "./World.sol";

/// Sellers, buyers and holders of licences.
abstract contract LicenceMoves is World {
    uint256 private constant MOST_LICENCES = 6;

    function buy(uint256 who, uint256 asset, uint96 price, uint40 spanSec, uint256 shape) external watched {
        uint64 a = _asset(asset);
        address seller = assets.ownerOf(a);
        IAssets.Head memory head = assets.head(a);
        if (_lics.length == MOST_LICENCES || seller == address(shares) || head.listing == 0) return;
        ILicences.Offer memory o;
        (o.asset, o.tenure, o.salt, o.kind) = (a, head.tenure, ++_salt, ILicences.Kind(shape % 4));
        if (_exclusivelyRented(a)) o.kind = ILicences.Kind.Rental; // which must fail
        bool pass = o.kind == ILicences.Kind.Pass;
        bool lapses = o.kind != ILicences.Kind.Perpetual;
        o.price = 1 + price % 1e24;
        o.spanSec = lapses ? 1 + spanSec % 30 days : 0;
        o.calls = pass ? uint64(1 + shape % 1000) : 0;
        o.transferable = true;
        o.exclusive = o.kind == ILicences.Kind.Rental && (shape >> 8) % 2 == 0;
        o.refundable = lapses && (shape >> 9) % 4 != 0;
        o.revocable = o.refundable && (shape >> 11) % 2 == 0;
        vm.prank(seller);
        licences.offer(o);
        _buy(_person(who), o, (shape >> 12) % 4 != 0);
    }

    function _buy(address buyer, ILicences.Offer memory o, bool named) private {
        bytes32 offerId = licences.offerIdOf(o);
        bytes32 id = licences.licenceIdOf(buyer, offerId, ++_salt);
        address signer = named ? vm.addr(_signerKey(id, 1)) : address(0);
        if (o.kind == ILicences.Kind.Rental && _exclusivelyRented(o.asset)) {
            vm.prank(buyer);
            (bool done,) = address(licences).call(abi.encodeCall(licences.buy, (offerId, LISTING, signer, _salt)));
            require(!done, "a rental began beside an exclusive one");
            return _did("excluded");
        }
        if (!o.refundable) _expectPush(o.asset, o.tenure, o.price);
        vm.prank(buyer);
        licences.buy(offerId, LISTING, signer, _salt);
        Lic storage k = _lics.push();
        (k.id, k.terms, k.holder, k.paid, k.startSec) = (id, o, buyer, o.price, uint40(block.timestamp));
        k.untilSec = o.spanSec == 0 ? type(uint40).max : k.startSec + o.spanSec;
        (k.named, k.signerNumber) = (named, named ? 1 : 0);
        _did(o.refundable ? bytes32("buy, refundable") : bytes32("buy"));
    }

    /// What was earned before leaves with `more`.
    function _expectPush(uint64 asset, uint32 tenure, uint256 more) private {
        uint256 amount = licences.due(asset, tenure) + more;
        _pushed[asset][tenure] += amount;
        _expectSplit(asset, tenure, amount);
    }

    function _exclusivelyRented(uint64 asset) private view returns (bool) {
        for (uint256 i; i < _lics.length; ++i) {
            Lic storage k = _lics[i];
            bool runs = k.holder != address(0) && block.timestamp < k.untilSec;
            if (k.terms.asset == asset && k.terms.exclusive && runs) return true;
        }
        return false;
    }

    /// At anybody's cost.
    function renew(uint256 which, uint256 who, uint40 periods) external watched {
        (bool found, Lic storage k) = _pickRunning(which, ILicences.Kind.Subscription);
        if (!found || block.timestamp >= k.untilSec || k.terms.tenure != assets.tenureOf(k.terms.asset)) return;
        if (assets.head(k.terms.asset).listing != LISTING) return;
        periods = 1 + periods % 3;
        uint256 price = uint256(periods) * k.terms.price;
        uint40 untilSec = k.untilSec + periods * k.terms.spanSec;
        if (!k.terms.refundable) _expectPush(k.terms.asset, k.terms.tenure, price);
        _pay(_person(who), k.holder, price);
        vm.prank(_person(who));
        licences.renewTo(k.id, LISTING, untilSec);
        (k.untilSec, k.paid) = (untilSec, k.paid + price);
        _did("renew");
    }

    function use(uint256 which, uint64 uses, uint64 more) external watched {
        (bool found, Lic storage k) = _pickRunning(which, ILicences.Kind.Pass);
        if (!found || !k.named || k.counted == k.terms.calls) return;
        if (block.timestamp >= uint256(k.untilSec) + escrow.WINDOW()) return;
        address caller = _collectorOf(k.terms.asset, k.terms.tenure, more % 2 == 0);
        if (caller == address(0)) return;
        uses = k.counted + 1 + uses % (k.terms.calls - k.counted);
        _claim(k, caller, uses, uses + more % 1000, k.signerNumber);
        k.counted = uses;
        _did("use");
    }

    function _claim(Lic storage k, address caller, uint64 uses, uint64 signedUses, uint16 number) internal {
        (bytes32 r, bytes32 vs) = _sign(_signerKey(k.id, number), SignedUse.hashUse(k.id, signedUses, 0));
        ILicences.Claim[] memory claims = new ILicences.Claim[](1);
        claims[0] = ILicences.Claim(k.id, uses, signedUses, 0, r, vs);
        vm.prank(caller);
        licences.claim(claims);
    }

    function seal(uint256 which, uint64 uses) external watched {
        (bool found, Lic storage k) = _pickRunning(which, ILicences.Kind.Pass);
        if (!found || !k.named) return;
        uint256 key = _operatorKeys[k.terms.asset][k.terms.tenure];
        if (key == 0) return;
        uses = k.counted + uses % (k.terms.calls - k.counted + 1);
        uint40 deadlineSec = uint40(block.timestamp);
        (bytes32 r, bytes32 vs) = _sign(key, SignedUse.hashCount(k.id, uses, k.signerNumber, deadlineSec));
        vm.prank(k.holder);
        licences.seal(k.id, uses, deadlineSec, r, vs);
        (k.counted, k.named) = (uses, false);
        _did("seal");
    }

    function setSigner(uint256 which) external watched {
        (bool found, Lic storage k) = _pickLicence(which);
        if (!found || (k.terms.kind == ILicences.Kind.Pass && k.named)) return;
        vm.prank(k.holder);
        licences.setSigner(k.id, vm.addr(_signerKey(k.id, ++k.signerNumber)));
        k.named = true;
    }

    function transferLicence(uint256 which, uint256 to) external watched {
        (bool found, Lic storage k) = _pickLicence(which);
        if (!found) return;
        bool may = !(k.terms.kind == ILicences.Kind.Pass && k.named);
        bytes memory data = abi.encodeCall(licences.transferFrom, (k.holder, _person(to), uint256(k.id)));
        vm.prank(k.holder);
        (bool done,) = address(licences).call(data);
        require(done == may, "a transfer that may not be, or may and was not");
        if (!done) return;
        _pay(k.holder, _person(to), k.paid - k.earned); // what has not run off goes with it
        (k.holder, k.named) = (_person(to), false);
        _did("transfer a licence");
    }

    function refund(uint256 which) external watched {
        (bool found, Lic storage k) = _pickLicence(which);
        if (!found || which % 3 != 0) return;
        bool pass = k.terms.kind == ILicences.Kind.Pass;
        bool may = k.terms.refundable && (pass ? !k.named : block.timestamp < k.untilSec);
        vm.prank(k.holder);
        (bool done,) = address(licences).call(abi.encodeCall(licences.refund, (k.id)));
        require(done == may, "a refund that may not be, or may and was not");
        if (!done) return;
        k.holder = address(0);
        _did("refund");
    }

    function revoke(uint256 which) external watched {
        (bool found, Lic storage k) = _pickLicence(which);
        if (!found || !k.terms.revocable || block.timestamp >= k.untilSec || which % 2 != 0) return;
        vm.prank(assets.ownerAt(k.terms.asset, k.terms.tenure));
        licences.revoke(k.id);
        k.holder = address(0);
        _did("revoke");
    }

    /// By anybody.
    function reclaimPass(uint256 which) public watched {
        (bool found, Lic storage k) = _pickRunning(which, ILicences.Kind.Pass);
        if (!found) return;
        bool may = k.terms.refundable && block.timestamp >= uint256(k.untilSec) + escrow.WINDOW();
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = k.id;
        vm.prank(STRANGER);
        licences.reclaim(ids);
        if (!may) return;
        k.holder = address(0);
        _did("reclaim a pass");
    }

    /// By anybody.
    function push(uint256 which) public watched {
        if (_lics.length == 0) return;
        Lic storage k = _lics[which % _lics.length];
        (uint64 asset, uint32 tenure) = (k.terms.asset, k.terms.tenure);
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = k.id;
        uint256 royalties = _waitingRoyalties(asset, tenure);
        vm.prank(STRANGER);
        uint256 income = licences.push(asset, tenure, ids);
        require(licences.due(asset, tenure) == 0, "something was not pushed");
        if (income == 0) return;
        _pushed[asset][tenure] += income;
        _expectSplit(asset, tenure, income, royalties);
        _did("push");
    }

    function takeLicenceRefund(uint256 who, uint256 toWhom, uint256 amount) external watched {
        amount = amount % (licences.refunds(_person(who)) + 1);
        vm.prank(_person(who));
        licences.withdraw(amount, _person(toWhom));
        _pay(_person(who), _person(toWhom), amount);
        if (amount != 0) _did("takeLicenceRefund");
    }

    function _pickLicence(uint256 which) internal view returns (bool found, Lic storage k) {
        uint256 count = _lics.length;
        for (uint256 i; i < count; ++i) {
            k = _lics[(which % count + i) % count];
            if (k.holder != address(0)) return (true, k);
        }
        mapping(uint256 => Lic) storage nothing = _nothing;
        return (false, nothing[0]);
    }

    function _pickRunning(uint256 which, ILicences.Kind kind) internal view returns (bool found, Lic storage k) {
        uint256 count = _lics.length;
        for (uint256 i; i < count; ++i) {
            k = _lics[(which % count + i) % count];
            if (k.holder != address(0) && k.terms.kind == kind) return (true, k);
        }
        mapping(uint256 => Lic) storage nothing = _nothing;
        return (false, nothing[0]);
    }

    mapping(uint256 => Lic) private _nothing;

    function _signerKey(bytes32 id, uint16 number) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode("licence", id, number))) >> 1;
    }
}
