// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAssets} from "../../src/interfaces/IAssets.sol";
import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {IJobs} from "../../src/interfaces/IJobs.sol";
import {ILicences} from "../../src/interfaces/ILicences.sol";
import {IRevenue} from "../../src/interfaces/IRevenue.sol";
import {ChannelMoves} from "./ChannelMoves.sol";
import {JobMoves} from "./JobMoves.sol";
import {LicenceMoves} from "./LicenceMoves.sol";
import {TradeMoves} from "./TradeMoves.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

/// All moves, and those of who has no right to any.
contract Economy is ChannelMoves, LicenceMoves, JobMoves, TradeMoves {
    /// Each must fail. What the stranger may do, he does in the others' moves.
    function trespass(uint256 which, uint256 kind, uint96 amount) external watched {
        uint64 a = _asset(which);
        uint32 t = _tenure(a, amount);
        address owner = assets.ownerOf(a);
        kind = kind % 20;
        if (kind == 0) _refused(address(escrow), abi.encodeCall(IEscrow.withdraw, (uint256(amount) + 1, STRANGER)));
        if (kind == 1) _refused(address(escrow), abi.encodeCall(IEscrow.collect, (a, t)));
        if (kind == 2) _refused(address(escrow), abi.encodeCall(IEscrow.payOut, (STRANGER, amount)));
        if (kind == 3) _refused(address(escrow), abi.encodeCall(IEscrow.take, (_person(which), amount)));
        if (kind == 4) _refused(address(revenue), abi.encodeCall(IRevenue.withdraw, (uint256(amount) + 1, STRANGER)));
        if (kind == 5) _refused(address(revenue), abi.encodeCall(IRevenue.setFee, (uint16(amount % 501), STRANGER)));
        if (kind == 6) _refused(address(jobs), abi.encodeCall(IJobs.withdraw, (uint256(amount) + 1, STRANGER)));
        if (kind == 7) _refused(address(licences), abi.encodeCall(licences.withdraw, (uint256(amount) + 1, STRANGER)));
        if (kind == 8) _refused(address(assets), abi.encodeCall(IERC721.transferFrom, (owner, STRANGER, a)));
        if (kind == 9) _refused(address(assets), abi.encodeCall(IAssets.setOperator, (a, STRANGER)));
        if (kind == 10) _refused(address(assets), abi.encodeCall(IAssets.publish, (a, LISTING, type(uint24).max)));
        if (kind == 11) _refused(address(anchor), abi.encodeCall(anchor.anchor, (a, t, 1, LISTING, 1, amount)));
        if (kind == 12) _refused(address(shares), abi.encodeCall(shares.setOperator, (STRANGER)));
        if (kind == 13) _refused(address(shares), abi.encodeCall(shares.redeem, ()));
        if (kind == 14) _refused(address(shares), abi.encodeCall(shares.withdraw, (STRANGER)));
        if (kind == 15) _refused(address(market), abi.encodeCall(market.withdrawAsk, (a)));
        IERC20 money = IERC20(address(token));
        if (kind == 16) _refused(address(market), abi.encodeCall(market.accept, (a, _person(which), money, 1)));
        if (kind == 17) _refused(address(assets), abi.encodeCall(IAssets.setSaleRoyalty, (a, 1)));
        if (kind == 18) _refused(address(token), abi.encodeCall(IERC20.transferFrom, (address(escrow), STRANGER, 1)));
        if (kind == 19) {
            _refused(address(token), abi.encodeCall(IERC20.transferFrom, (address(licences), STRANGER, 1)));
        }
    }

    /// With somebody else's channel, at any time of its life.
    function trespassChannel(uint256 which, uint256 kind, uint96 amount) external watched {
        (bool found, Chan storage k, IEscrow.Channel memory c) = _pickOpen(which);
        if (!found) return;
        kind = kind % 5;
        IEscrow.Terms memory t = k.terms;
        if (kind == 0) {
            _refused(address(escrow), abi.encodeCall(IEscrow.extend, (t, c.expiresAtSec + 1)));
        } else if (kind == 1) {
            _refused(address(escrow), abi.encodeCall(IEscrow.giveUp, (t)));
        } else if (kind == 2) {
            // A close that the payer signed himself.
            (bytes32 r, bytes32 vs) = _voucher(k, 0);
            vm.prank(t.payer);
            (bool done,) =
                address(escrow).call(abi.encodeCall(IEscrow.close, (t, c.claimed, uint40(block.timestamp), r, vs)));
            require(!done, "a payer closed alone");
            _did("trespass");
        } else {
            // A voucher of another key for its operator, or a good one for the stranger.
            bool forged = kind == 3;
            address caller = forged ? _collectorOf(t.asset, t.tenure, false) : STRANGER;
            if (caller == address(0)) return;
            uint256 claimed = uint256(c.claimed) + amount % (uint256(c.deposited) - c.claimed + 1);
            (bytes32 r, bytes32 vs) = _voucher(k, claimed);
            IEscrow.Claim[] memory claims = new IEscrow.Claim[](1);
            claims[0] = IEscrow.Claim(t, claimed, claimed, forged ? bytes32("another call") : bytes32(0), r, vs);
            vm.prank(caller);
            escrow.claim(claims); // passed over: check() sees that nothing moved
            _did("trespass a claim");
        }
    }

    /// With somebody else's licence or job.
    function trespassRight(uint256 which, uint256 kind, uint64 uses) external watched {
        kind = kind % 6;
        if (kind < 3) {
            (bool found, Lic storage k) = _pickLicence(which);
            if (!found) return;
            if (kind == 0) _refused(address(licences), abi.encodeCall(ILicences.refund, (k.id)));
            if (kind == 1) _refused(address(licences), abi.encodeCall(ILicences.revoke, (k.id)));
            if (kind == 2) _claim(k, STRANGER, k.counted + 1 + uses % 10, k.counted + 100, k.signerNumber);
            if (kind == 2) _did("trespass a use");
        } else {
            IJobs.Status status = IJobs.Status(1 + which % 3);
            (bytes32 id, uint256 step, IJobs.Step memory s,) = _pickStep(which, status);
            if (s.status != status) return;
            if (kind == 3) _refused(address(jobs), abi.encodeCall(IJobs.submit, (id, step, DELIVERABLE)));
            if (kind == 4) _refused(address(jobs), abi.encodeCall(IJobs.complete, (id, step, DELIVERABLE, 0)));
            if (kind == 5) _refused(address(jobs), abi.encodeCall(IJobs.reject, (id, step, 0)));
        }
    }

    function _refused(address where, bytes memory data) private {
        vm.prank(STRANGER);
        (bool done,) = where.call(data);
        require(!done, "a stranger was let in");
        _did("trespass");
    }

    /// No stranded money: from wherever it is, everybody gets everything out, late, with nobody else's help.
    function finish() external watched {
        vm.warp(block.timestamp + 500 days);
        _accrue();
        IEscrow.Terms[] memory one = new IEscrow.Terms[](1);
        for (uint256 i; i < _chans.length; ++i) {
            one[0] = _chans[i].terms;
            escrow.reclaim(one);
        }
        for (uint256 i; i < _jobIds.length; ++i) {
            _finishJob(_jobIds[i]);
        }
        for (uint256 i; i < _lics.length; ++i) {
            _finishLicence(i);
        }
        // Children have higher ids than their parents.
        for (uint64 a = assets.count(); a > 0; --a) {
            for (uint32 t = 1; t <= assets.tenureOf(a); ++t) {
                _expectRelease(a, t);
                revenue.release(a, t);
            }
        }
        collectedByShares += shares.collect();
        for (uint256 i; i < PEOPLE + 1; ++i) {
            _takeAll(accounts[i]);
        }
    }

    function _finishJob(bytes32 id) private {
        IJobs.Job memory j = jobs.job(id);
        bool funded;
        for (uint256 k; k < j.steps; ++k) {
            IJobs.Step memory s = jobs.stepOf(id, k);
            if (s.status == IJobs.Status.Funded) funded = true;
            if (s.status != IJobs.Status.Submitted) continue;
            _expectPaid(s, j, s.amount);
            jobs.claimPayment(id, k);
        }
        if (funded) jobs.claimRefund(id);
    }

    function _finishLicence(uint256 i) private {
        this.reclaimPass(i);
        this.push(i);
    }

    function _takeAll(address who) private {
        uint256 due = shares.owedTo(who);
        vm.startPrank(who);
        escrow.withdraw(escrow.balances(who), who);
        revenue.withdraw(revenue.balances(who), who);
        jobs.withdraw(jobs.balances(who), who);
        licences.withdraw(licences.refunds(who), who);
        if (due != 0) shares.withdraw(who);
        vm.stopPrank();
        withdrawnFromShares += due;
        _pay(address(shares), who, due);
    }
}
