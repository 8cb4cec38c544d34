// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Licences} from "../../src/Licences.sol";
import {ILicences} from "../../src/interfaces/ILicences.sol";
import {SignedUse} from "./SignedUse.sol";
import {Signed, WeftTest} from "./WeftTest.sol";
import {Vm} from "forge-std/Vm.sol";

/// A listed asset, whose owner offers licences, and a buyer with money.
abstract contract LicencesTest is WeftTest {
    uint40 internal constant PERIOD = 30 days;
    uint96 internal constant PRICE = 3_000_000;
    uint64 internal constant CALLS = 100;
    bytes32 internal constant LISTING = keccak256("a listing");
    ILicences.Kind internal constant SUBSCRIPTION = ILicences.Kind.Subscription;
    ILicences.Kind internal constant PASS = ILicences.Kind.Pass;
    ILicences.Kind internal constant RENTAL = ILicences.Kind.Rental;
    ILicences.Kind internal constant PERPETUAL = ILicences.Kind.Perpetual;

    Licences internal licences;
    Vm.Wallet internal buyer;
    Vm.Wallet internal key;
    address internal ann = makeAddr("ann");
    address internal seller; // the present owner
    uint64 internal salt;

    function setUp() public virtual override {
        super.setUp();
        licences = new Licences(escrow);
        seller = owner;
        buyer = vm.createWallet("buyer");
        key = vm.createWallet("a licence's signer");
        vm.prank(owner);
        assets.publish(asset, LISTING, 1);
        _endow(buyer.addr);
        _endow(ann);
    }

    function _endow(address who) internal {
        token.mint(who, 1e15);
        vm.prank(who);
        token.approve(address(licences), type(uint256).max);
    }

    function _terms(ILicences.Kind kind, bool refundable) internal returns (ILicences.Offer memory o) {
        o.asset = asset;
        o.tenure = assets.tenureOf(asset);
        o.kind = kind;
        o.price = PRICE;
        o.spanSec = kind == PERPETUAL ? 0 : PERIOD;
        o.transferable = true;
        o.calls = kind == PASS ? CALLS : 0;
        o.salt = ++salt;
        o.refundable = refundable;
        o.revocable = refundable;
    }

    function _offer(ILicences.Offer memory o) internal returns (bytes32) {
        vm.prank(seller);
        return licences.offer(o);
    }

    function _buy(address who, bytes32 offerId) internal returns (bytes32) {
        vm.prank(who);
        return licences.buy(offerId, LISTING, key.addr, ++salt);
    }

    function _sold(ILicences.Kind kind, bool refundable) internal returns (bytes32 id) {
        return _buy(buyer.addr, _offer(_terms(kind, refundable)));
    }

    /// Its holder has named nobody to sign for it.
    function _soldWithoutSigner(ILicences.Kind kind, bool refundable) internal returns (bytes32) {
        bytes32 offerId = _offer(_terms(kind, refundable));
        vm.prank(buyer.addr);
        return licences.buy(offerId, LISTING, address(0), 1);
    }

    function _use(bytes32 id, uint256 uses, uint256 signedUses) internal view returns (ILicences.Claim[] memory list) {
        list = new ILicences.Claim[](1);
        bytes32 hash = SignedUse.hashUse(id, signedUses, COMMITMENT);
        (bytes32 r, bytes32 vs) = _compact(key.privateKey, Signed.digest(block.chainid, address(escrow), hash));
        list[0] = ILicences.Claim(id, uses, signedUses, COMMITMENT, r, vs);
    }

    function _claimUses(bytes32 id, uint256 uses) internal {
        ILicences.Claim[] memory claims = _use(id, uses, uses);
        vm.prank(operator.addr);
        licences.claim(claims);
    }

    function _signCount(uint256 by, bytes32 id, uint64 uses, uint16 number, uint40 deadlineSec)
        internal
        view
        returns (bytes32 r, bytes32 vs)
    {
        bytes32 hash = SignedUse.hashCount(id, uses, number, deadlineSec);
        return _compact(by, Signed.digest(block.chainid, address(escrow), hash));
    }

    function _seal(bytes32 id, uint64 uses) internal {
        ILicences.State memory s = licences.state(id);
        uint40 deadlineSec = uint40(block.timestamp);
        (bytes32 r, bytes32 vs) = _signCount(operator.privateKey, id, uses, s.signerNumber, deadlineSec);
        vm.prank(s.holder);
        licences.seal(id, uses, deadlineSec, r, vs);
    }

    function _list(bytes32 id) internal pure returns (bytes32[] memory list) {
        list = new bytes32[](1);
        list[0] = id;
    }

    function _push(bytes32 id) internal returns (uint256) {
        ILicences.State memory s = licences.state(id);
        return licences.push(s.asset, s.tenure, _list(id));
    }

    function _held() internal view returns (uint256) {
        return token.balanceOf(address(licences));
    }

    function _sellAsset(address to) internal {
        vm.prank(seller);
        assets.transferFrom(seller, to, asset);
        seller = to;
    }

    function _expectSkip(ILicences.Claim[] memory claims, address caller, ILicences.SkipReason reason) internal {
        bytes32 before = keccak256(abi.encode(licences.state(claims[0].licenceId), licences.due(asset, 1)));
        vm.expectEmit(address(licences));
        emit ILicences.Skipped(claims[0].licenceId, reason);
        vm.prank(caller);
        licences.claim(claims);
        bytes32 afterwards = keccak256(abi.encode(licences.state(claims[0].licenceId), licences.due(asset, 1)));
        assertEq(afterwards, before, "a skipped claim changed something");
    }
}
