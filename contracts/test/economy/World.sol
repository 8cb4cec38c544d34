// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Anchor} from "../../src/Anchor.sol";
import {Assets} from "../../src/Assets.sol";
import {Escrow} from "../../src/Escrow.sol";
import {Jobs} from "../../src/Jobs.sol";
import {Licences} from "../../src/Licences.sol";
import {Market} from "../../src/Market.sol";
import {Portion} from "../../src/Portion.sol";
import {Shares} from "../../src/Shares.sol";
import {TestToken} from "../../src/TestToken.sol";
import {IAssets} from "../../src/interfaces/IAssets.sol";
import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {IJobs} from "../../src/interfaces/IJobs.sol";
import {ILicences} from "../../src/interfaces/ILicences.sol";
import {IRevenue} from "../../src/interfaces/IRevenue.sol";
import {Signed} from "../support/WeftTest.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Vm} from "forge-std/Vm.sol";

/// All contracts together, four people who do everything, a shareholders' contract, and a stranger. For each of them the
/// world keeps what he ought to own, wherever it lies: only what a move says it pays moves from one to another. After
/// every move that is compared, to the last unit, with what the contracts say.
abstract contract World {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 internal constant PEOPLE = 4;
    uint256 internal constant MOST_ASSETS = 5;
    uint32 internal constant MOST_TENURES = 3;
    uint256 internal constant BPS = 10_000;
    bytes32 internal constant LISTING = keccak256("a listing");
    uint64 internal constant SHARED = 3; // the asset that shareholders own
    address public constant STRANGER = address(0x57A6);
    address public constant TREASURY = address(0x7EA5);
    address public constant GOVERNANCE = address(0x60);
    uint256 internal constant ACCOUNTS = PEOPLE + 3; // and treasury, stranger, shares

    struct Chan {
        IEscrow.Terms terms;
        uint256 authorised; // the highest that the payer signed or agreed to
        IEscrow.Channel last; // as it was seen last
    }

    struct Lic {
        bytes32 id;
        ILicences.Offer terms;
        address holder; // zero: it is over
        uint256 paid;
        uint40 startSec;
        uint40 untilSec;
        uint64 counted;
        uint16 signerNumber;
        bool named; // whether it has a signer
        uint256 earned; // when it was looked at last
    }

    struct Tenure {
        uint128 earned;
        uint128 collected;
        uint128 credited;
        uint128 released;
        uint64 epochs;
    }

    TestToken public immutable token = new TestToken();
    Assets public immutable assets = new Assets();
    Escrow public immutable escrow;
    IRevenue public immutable revenue;
    Licences public immutable licences;
    Jobs public immutable jobs;
    Market public immutable market;
    Anchor public immutable anchor;
    Shares public immutable shares;

    address[ACCOUNTS] public accounts;
    mapping(address => uint256) private _indexOf; // one more than it
    Chan[] internal _chans;
    Lic[] internal _lics;
    bytes32[] internal _jobIds;
    mapping(bytes32 => IJobs.Status[4]) internal _lastStatus;
    mapping(uint64 => mapping(uint32 => Tenure)) internal _lastTenure;
    /// What a tenure's licences sent to Revenue.
    mapping(uint64 => mapping(uint32 => uint256)) internal _pushed;
    /// The key of the operator named last in a tenure, 0 for none.
    mapping(uint64 => mapping(uint32 => uint256)) internal _operatorKeys;
    uint256 private _keys;
    uint64 internal _salt;

    /// What each ought to own.
    int256[ACCOUNTS] public owed;
    /// Sent to a contract by mistake: nobody's.
    mapping(address => uint256) public gifts;
    uint256 public given;
    uint256 public collectedByShares;
    uint256 public withdrawnFromShares;
    /// How often a move reached what it is for.
    mapping(bytes32 => uint256) public reached;

    constructor() {
        vm.warp(1_900_000_000);
        escrow = new Escrow(IERC20(address(token)), assets, 1 hours, GOVERNANCE);
        revenue = escrow.revenue();
        licences = new Licences(escrow);
        jobs = new Jobs(escrow);
        market = new Market(assets, revenue);
        anchor = new Anchor(assets);
        shares = new Shares("Shares", "S", 1_000, SHARED, assets, revenue, GOVERNANCE);
        for (uint256 i; i < PEOPLE; ++i) {
            accounts[i] = address(uint160(0xA110 + i));
        }
        (accounts[PEOPLE], accounts[PEOPLE + 1], accounts[PEOPLE + 2]) = (TREASURY, STRANGER, address(shares));
        address[4] memory takers = [address(escrow), address(licences), address(jobs), address(market)];
        for (uint256 i; i < ACCOUNTS; ++i) {
            _indexOf[accounts[i]] = i + 1;
            if (i >= PEOPLE && accounts[i] != STRANGER) continue;
            token.mint(accounts[i], 1e30);
            owed[i] = 1e30;
            for (uint256 k; k < takers.length; ++k) {
                vm.prank(accounts[i]);
                token.approve(takers[k], type(uint256).max);
            }
            vm.prank(accounts[i]);
            assets.setApprovalForAll(address(market), true);
        }
        for (uint256 i; i < 3; ++i) {
            IAssets.Parent[] memory parents = new IAssets.Parent[](i);
            for (uint256 k; k < i; ++k) {
                parents[k] = IAssets.Parent(uint48(k + 1), uint16(1_000 + k));
            }
            uint256 key = _newKey();
            vm.prank(accounts[i]);
            assets.mint(vm.addr(key), parents, LISTING);
            _operatorKeys[uint64(i + 1)][1] = key;
        }
        vm.prank(accounts[2]);
        assets.safeTransferFrom(accounts[2], address(shares), SHARED);
        _nameOperator(SHARED);
    }

    /// Every move goes through here. A move that found nothing to do names nothing.
    modifier watched() {
        _;
        _accrue();
        check();
    }

    /// All money that ever was.
    function supply() external view returns (uint256) {
        return uint256(PEOPLE + 1) * 1e30 + given;
    }

    function _did(bytes32 what) internal {
        ++reached[what];
    }

    function _pay(address from, address to, uint256 amount) internal {
        owed[_indexOf[from] - 1] -= int256(amount);
        owed[_indexOf[to] - 1] += int256(amount);
    }

    /// What Revenue ought to do with `income` of a tenure, which was its owner's before: fee, then shares of parents. Asked
    /// before the move, unless the royalties that waited then are given.
    function _expectSplit(uint64 asset, uint32 tenure, uint256 income) internal {
        _expectSplit(asset, tenure, income, _waitingRoyalties(asset, tenure));
    }

    function _waitingRoyalties(uint64 asset, uint32 tenure) internal view returns (uint256) {
        (uint128 credited, uint128 released) = revenue.royalties(asset, tenure);
        return credited - released;
    }

    function _expectSplit(uint64 asset, uint32 tenure, uint256 income, uint256 royalties) internal {
        address owner = assets.ownerAt(asset, tenure);
        (uint16 bps,) = revenue.fee();
        uint256 fee = income * bps / BPS;
        _pay(owner, TREASURY, fee);
        if (fee != 0) _did("fee");
        uint256 rest = income - fee + royalties;
        IAssets.Parent[] memory parents = assets.parents(asset);
        for (uint256 i; i < parents.length; ++i) {
            uint64 parent = parents[i].asset;
            _pay(owner, assets.ownerAt(parent, assets.tenureOf(parent)), rest * parents[i].bps / BPS);
            if (rest != 0) _did("royalty");
        }
    }

    function _expectRelease(uint64 asset, uint32 tenure) internal returns (uint256 waiting) {
        (uint256 earned, uint256 collected) = escrow.income(asset, tenure);
        waiting = earned - collected;
        _expectSplit(asset, tenure, waiting);
    }

    /// What ran off licences since they were looked at last goes from their holders to their sellers.
    function _accrue() internal {
        for (uint256 i; i < _lics.length; ++i) {
            Lic storage k = _lics[i];
            if (k.holder == address(0)) continue;
            uint256 earned = _earnedOf(k);
            _pay(k.holder, assets.ownerAt(k.terms.asset, k.terms.tenure), earned - k.earned);
            k.earned = earned;
        }
    }

    /// In proportion to calls or time, or all at once.
    function _earnedOf(Lic storage k) internal view returns (uint256) {
        if (!k.terms.refundable) return k.paid;
        if (k.terms.kind == ILicences.Kind.Pass) return k.paid * k.counted / k.terms.calls;
        uint256 atSec = block.timestamp < k.untilSec ? block.timestamp : k.untilSec;
        return uint256(k.terms.price) * (atSec - k.startSec) / k.terms.spanSec;
    }

    // What the contracts say

    struct Sums {
        uint256[ACCOUNTS] own;
        uint256 escrow;
        uint256 licences;
        uint256 jobs;
    }

    /// Solvency, conservation, no stranger's gain, and nothing that ran backwards.
    function check() public {
        Sums memory sums;
        _addPeople(sums);
        _addChannels(sums);
        _addTenures(sums);
        _addLicences(sums);
        _addJobs(sums);
        for (uint256 i; i < ACCOUNTS; ++i) {
            require(int256(sums.own[i]) == owed[i], "no stranger's gain: somebody owns more or less than he should");
        }
        _holds(address(escrow), sums.escrow);
        _holds(address(licences), sums.licences);
        _holds(address(jobs), sums.jobs);
        _holds(address(revenue), 0);
        _holds(address(market), 0);
        _holds(address(anchor), 0);
        _checkShares();
    }

    /// To the last unit.
    function _holds(address where, uint256 liabilities) private view {
        require(token.balanceOf(where) == liabilities + gifts[where], "solvency: a contract holds something else");
    }

    function _addPeople(Sums memory sums) private view {
        for (uint256 i; i < ACCOUNTS; ++i) {
            address who = accounts[i];
            (uint256 inEscrow, uint256 inLicences, uint256 inJobs) =
                (escrow.balances(who) + revenue.balances(who), licences.refunds(who), jobs.balances(who));
            sums.own[i] = token.balanceOf(who) + inEscrow + inLicences + inJobs;
            sums.escrow += inEscrow;
            sums.licences += inLicences;
            sums.jobs += inJobs;
        }
    }

    function _addChannels(Sums memory sums) private {
        for (uint256 i; i < _chans.length; ++i) {
            Chan storage k = _chans[i];
            IEscrow.Channel memory c = escrow.channel(escrow.channelIdOf(k.terms));
            require(c.claimed <= c.deposited, "claimed above deposited");
            require(c.claimed <= k.authorised, "claimed above what was signed");
            require(
                c.claimed >= k.last.claimed && c.deposited >= k.last.deposited && c.expiresAtSec >= k.last.expiresAtSec
                    && c.status >= k.last.status && c.status != IEscrow.Status.None,
                "monotone: a channel ran backwards"
            );
            k.last = c;
            if (c.status == IEscrow.Status.Closed) continue;
            sums.own[_indexOf[k.terms.payer] - 1] += c.deposited - c.claimed;
            sums.escrow += c.deposited - c.claimed;
        }
    }

    function _addTenures(Sums memory sums) private {
        uint64 count = assets.count();
        for (uint64 asset = 1; asset <= count; ++asset) {
            uint32 present = assets.tenureOf(asset);
            for (uint32 tenure = 1; tenure <= present; ++tenure) {
                Tenure memory t;
                (t.earned, t.collected) = escrow.income(asset, tenure);
                (t.credited, t.released) = revenue.royalties(asset, tenure);
                t.epochs = anchor.epochs(asset, tenure);
                Tenure memory last = _lastTenure[asset][tenure];
                require(t.collected <= t.earned && t.released <= t.credited, "released above earned");
                require(
                    t.earned >= last.earned && t.collected >= last.collected && t.credited >= last.credited
                        && t.released >= last.released && t.epochs >= last.epochs,
                    "monotone: a tenure ran backwards"
                );
                if (keccak256(abi.encode(t)) != keccak256(abi.encode(last))) _lastTenure[asset][tenure] = t;
                uint256 waiting = uint256(t.earned) - t.collected + t.credited - t.released;
                sums.own[_indexOf[assets.ownerAt(asset, tenure)] - 1] += waiting;
                sums.escrow += waiting;
            }
        }
    }

    function _addLicences(Sums memory sums) private view {
        for (uint256 i; i < _lics.length; ++i) {
            Lic storage k = _lics[i];
            ILicences.State memory s = licences.state(k.id);
            require(s.earned == k.earned && s.uses == k.counted, "a licence earned something else");
            require(
                s.holder == k.holder && s.validUntilSec == k.untilSec, "a licence is another's or ends at another time"
            );
            (uint64 asset, uint32 tenure) = (k.terms.asset, k.terms.tenure);
            sums.own[_indexOf[assets.ownerAt(asset, tenure)] - 1] += s.earned;
            if (k.holder != address(0)) sums.own[_indexOf[k.holder] - 1] += s.paid - s.earned;
            sums.licences += s.paid;
        }
        for (uint64 asset = 1; asset <= MOST_ASSETS; ++asset) {
            for (uint32 tenure = 1; tenure <= MOST_TENURES; ++tenure) {
                uint256 pushed = _pushed[asset][tenure];
                if (pushed == 0) continue;
                sums.own[_indexOf[assets.ownerAt(asset, tenure)] - 1] -= pushed;
                sums.licences -= pushed;
            }
        }
    }

    function _addJobs(Sums memory sums) private {
        for (uint256 i; i < _jobIds.length; ++i) {
            IJobs.Job memory j = jobs.job(_jobIds[i]);
            for (uint256 k; k < j.steps; ++k) {
                IJobs.Step memory s = jobs.stepOf(_jobIds[i], k);
                IJobs.Status was = _lastStatus[_jobIds[i]][k];
                bool over = was > IJobs.Status.Submitted;
                require(over ? s.status == was : s.status >= was, "monotone: a step ran backwards");
                if (s.status != was) _lastStatus[_jobIds[i]][k] = s.status;
                if (s.status > IJobs.Status.Submitted) continue;
                sums.own[_indexOf[j.client] - 1] += s.amount;
                sums.jobs += s.amount;
            }
        }
    }

    function _checkShares() private view {
        uint256 claims;
        for (uint256 i; i < PEOPLE; ++i) {
            claims += shares.owedTo(accounts[i]);
        }
        uint256 held = token.balanceOf(address(shares)) - gifts[address(shares)];
        require(held + withdrawnFromShares == collectedByShares, "shares hold something else");
        // Each holder's part of a unit is rounded away, and no more.
        require(claims <= held && held - claims < PEOPLE, "shares: the claims are not the income");
    }

    // For moves

    function _person(uint256 n) internal view returns (address) {
        return accounts[n % PEOPLE];
    }

    function _asset(uint256 n) internal view returns (uint64) {
        return uint64(n % assets.count()) + 1;
    }

    function _tenure(uint64 asset, uint256 n) internal view returns (uint32) {
        return uint32(n % assets.tenureOf(asset)) + 1;
    }

    function _newKey() internal returns (uint256) {
        return uint256(keccak256(abi.encode("operator", ++_keys))) >> 1;
    }

    function _signerOf(address who) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode("signer", who))) >> 1;
    }

    /// Its owner names a key that was none of its operators before.
    function _nameOperator(uint64 asset) internal {
        uint256 key = _newKey();
        address owner = assets.ownerOf(asset);
        bool shared = owner == address(shares);
        vm.prank(shared ? GOVERNANCE : owner);
        if (shared) shares.setOperator(vm.addr(key));
        else assets.setOperator(asset, vm.addr(key));
        _operatorKeys[asset][assets.tenureOf(asset)] = key;
    }

    /// Who may collect for a tenure: its operator, or who sold it. Zero if nobody may at present.
    function _collectorOf(uint64 asset, uint32 tenure, bool owner) internal view returns (address) {
        uint256 key = _operatorKeys[asset][tenure];
        bool sold = tenure != assets.tenureOf(asset);
        if (sold && (owner || key == 0)) return assets.ownerAt(asset, tenure);
        return key == 0 ? address(0) : vm.addr(key);
    }

    function _sign(uint256 key, bytes32 hash) internal view returns (bytes32 r, bytes32 vs) {
        (uint8 v, bytes32 r_, bytes32 s) = vm.sign(key, Signed.digest(block.chainid, address(escrow), hash));
        return (r_, bytes32(uint256(s) | (uint256(v - 27) << 255)));
    }
}
