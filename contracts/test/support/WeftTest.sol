// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Assets} from "../../src/Assets.sol";
import {Escrow} from "../../src/Escrow.sol";
import {Revenue} from "../../src/Revenue.sol";
import {TestToken} from "../../src/TestToken.sol";
import {IAssets} from "../../src/interfaces/IAssets.sol";
import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {IRevenue} from "../../src/interfaces/IRevenue.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Test} from "forge-std/Test.sol";
import {Vm} from "forge-std/Vm.sol";

/// What is signed, computed from PROTOCOL section 1 alone and not from the contracts.
library Signed {
    struct Call {
        bytes32 callId;
        bytes32 listing;
        string method;
        bytes32 requestDigest;
        uint96 maxAmount;
    }

    bytes internal constant CALL =
        "Call(bytes32 callId,bytes32 listing,string method,bytes32 requestDigest,uint96 maxAmount)";

    function hashCall(Call memory c) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(keccak256(CALL), c.callId, c.listing, keccak256(bytes(c.method)), c.requestDigest, c.maxAmount)
        );
    }

    function hashVoucher(bytes32 channelId, uint256 cumulative, bytes32 commitment) internal pure returns (bytes32) {
        bytes32 typeHash = keccak256(abi.encodePacked("Voucher(bytes32 channelId,uint96 cumulative,Call call)", CALL));
        return keccak256(abi.encode(typeHash, channelId, cumulative, commitment));
    }

    function hashClose(bytes32 channelId, uint96 spent, uint40 deadlineSec) internal pure returns (bytes32) {
        bytes32 typeHash = keccak256("Close(bytes32 channelId,uint96 spent,uint40 deadlineSec)");
        return keccak256(abi.encode(typeHash, channelId, spent, deadlineSec));
    }

    function digest(uint256 chainId, address escrow, bytes32 structHash) internal pure returns (bytes32) {
        bytes32 domainType =
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        bytes32 domain = keccak256(abi.encode(domainType, keccak256("Weft Escrow"), keccak256("1"), chainId, escrow));
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }
}

/// A market with one asset, its owner and operator, and a payer with money in the escrow.
abstract contract WeftTest is Test {
    uint256 internal constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    uint40 internal constant WINDOW = 1 hours;
    uint40 internal constant SPAN = 30 days;
    bytes32 internal constant COMMITMENT = keccak256("some call");

    TestToken internal token;
    Assets internal assets;
    Escrow internal escrow;
    IRevenue internal revenue;

    address internal owner = makeAddr("owner");
    address internal payer = makeAddr("payer");
    address internal stranger = makeAddr("stranger");
    address internal governance = makeAddr("governance");
    Vm.Wallet internal operator;
    Vm.Wallet internal signer;
    uint64 internal asset;

    function setUp() public virtual {
        vm.warp(1_900_000_000);
        operator = vm.createWallet("operator");
        signer = vm.createWallet("signer");
        token = new TestToken();
        assets = new Assets();
        escrow = new Escrow(IERC20(address(token)), assets, WINDOW, governance);
        revenue = escrow.revenue();
        asset = _mint(owner, operator.addr);
        _fund(payer, 1_000_000);
        // Others' money, so that taking too much would succeed.
        _fund(stranger, 1_000_000);
    }

    function _mint(address to, address key) internal returns (uint64) {
        vm.prank(to);
        return assets.mint(key, new IAssets.Parent[](0), bytes32(0));
    }

    function _fund(address who, uint256 amount) internal {
        token.mint(who, amount);
        vm.startPrank(who);
        token.approve(address(escrow), amount);
        escrow.deposit(amount);
        vm.stopPrank();
    }

    function _terms() internal view returns (IEscrow.Terms memory) {
        return _terms(1);
    }

    function _terms(uint64 salt) internal view returns (IEscrow.Terms memory) {
        return IEscrow.Terms(payer, signer.addr, asset, 1, salt);
    }

    /// The reference of PROTOCOL section 2.
    function _id(IEscrow.Terms memory t) internal view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(escrow), t.payer, t.signer, t.asset, t.tenure, t.salt));
    }

    function _openEntry(IEscrow.Terms memory t, uint96 amount, uint40 expiresAtSec)
        internal
        pure
        returns (IEscrow.Open[] memory opens)
    {
        opens = new IEscrow.Open[](1);
        opens[0] = IEscrow.Open(t.signer, t.asset, t.tenure, t.salt, amount, expiresAtSec);
    }

    function _expiry() internal view returns (uint40) {
        return uint40(block.timestamp) + SPAN;
    }

    function _open(IEscrow.Terms memory t, uint96 amount) internal returns (bytes32 id) {
        IEscrow.Open[] memory opens = _openEntry(t, amount, _expiry());
        vm.prank(t.payer);
        escrow.open(opens);
        return _id(t);
    }

    function _opened(uint96 amount) internal returns (IEscrow.Terms memory t, bytes32 id) {
        t = _terms();
        id = _open(t, amount);
    }

    function _compact(uint256 key, bytes32 digest) internal pure returns (bytes32 r, bytes32 vs) {
        (uint8 v, bytes32 r_, bytes32 s) = vm.sign(key, digest);
        return (r_, bytes32(uint256(s) | (uint256(v - 27) << 255)));
    }

    /// ERC-2612.
    function _signPermit(TestToken of_, Vm.Wallet memory by, address spender, uint256 amount, uint256 deadlineSec)
        internal
        view
        returns (uint8 v, bytes32 r, bytes32 s)
    {
        bytes32 typeHash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 hash = keccak256(abi.encode(typeHash, by.addr, spender, amount, of_.nonces(by.addr), deadlineSec));
        return vm.sign(by.privateKey, keccak256(abi.encodePacked(hex"1901", of_.DOMAIN_SEPARATOR(), hash)));
    }

    function _signVoucher(uint256 key, bytes32 id, uint256 cumulative) internal view returns (bytes32 r, bytes32 vs) {
        bytes32 hash = Signed.hashVoucher(id, cumulative, COMMITMENT);
        return _compact(key, Signed.digest(block.chainid, address(escrow), hash));
    }

    function _signClose(uint256 key, bytes32 id, uint96 spent, uint40 deadlineSec)
        internal
        view
        returns (bytes32 r, bytes32 vs)
    {
        return _compact(key, Signed.digest(block.chainid, address(escrow), Signed.hashClose(id, spent, deadlineSec)));
    }

    /// A claim of all that its voucher says, signed by the right key.
    function _claimOf(IEscrow.Terms memory t, uint256 amount) internal view returns (IEscrow.Claim memory) {
        return _claimOf(t, amount, amount);
    }

    function _claimOf(IEscrow.Terms memory t, uint256 amount, uint256 cumulative)
        internal
        view
        returns (IEscrow.Claim memory)
    {
        (bytes32 r, bytes32 vs) = _signVoucher(signer.privateKey, _id(t), cumulative);
        return IEscrow.Claim(t, amount, cumulative, COMMITMENT, r, vs);
    }

    function _one(IEscrow.Claim memory entry) internal pure returns (IEscrow.Claim[] memory list) {
        list = new IEscrow.Claim[](1);
        list[0] = entry;
    }

    function _one(IEscrow.Terms memory entry) internal pure returns (IEscrow.Terms[] memory list) {
        list = new IEscrow.Terms[](1);
        list[0] = entry;
    }

    function _claim(IEscrow.Terms memory t, uint256 amount) internal {
        IEscrow.Claim[] memory claims = _one(_claimOf(t, amount));
        vm.prank(operator.addr);
        escrow.claim(claims);
    }

    function _claimed(bytes32 id) internal view returns (uint96) {
        return escrow.channel(id).claimed;
    }

    function _income(uint64 ofAsset, uint32 tenure) internal view returns (uint256 earned) {
        (earned,) = escrow.income(ofAsset, tenure);
    }

    function _assertChannel(bytes32 id, uint96 deposited, uint96 claimed, IEscrow.Status status) internal view {
        IEscrow.Channel memory c = escrow.channel(id);
        assertEq(c.deposited, deposited, "deposited");
        assertEq(c.claimed, claimed, "claimed");
        assertEq(uint8(c.status), uint8(status), "status");
    }

    /// The claim is refused for this reason and nothing changes.
    function _expectSkip(address caller, IEscrow.Claim memory entry, IEscrow.SkipReason reason) internal {
        bytes32 id = _id(entry.terms);
        bytes32 before = keccak256(abi.encode(escrow.channel(id)));
        uint256 income = _income(entry.terms.asset, entry.terms.tenure);
        vm.expectEmit(address(escrow));
        emit IEscrow.Skipped(id, reason);
        vm.prank(caller);
        escrow.claim(_one(entry));
        assertEq(keccak256(abi.encode(escrow.channel(id))), before, "the channel changed");
        assertEq(_income(entry.terms.asset, entry.terms.tenure), income, "the income changed");
    }
}
