// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {OpenChannelTest} from "../support/OpenChannelTest.sol";

contract EscrowClaimOperator_GivenAnOpenChannel is OpenChannelTest {
    function test_T9_WhenTheCallerIsNotTheOperator_ItSkips() public {
        IEscrow.Claim memory entry = _claimOf(t, 300);
        address[5] memory others = [stranger, payer, owner, signer.addr, address(0)];
        for (uint256 i; i < others.length; ++i) {
            _expectSkip(others[i], entry, IEscrow.SkipReason.NotOperator);
        }
    }

    function test_T9_WhenTheCallerIsTheOperatorOfAnotherAsset_ItSkips() public {
        _mint(owner, stranger);
        _expectSkip(stranger, _claimOf(t, 300), IEscrow.SkipReason.NotOperator);
        // Nor does standing beside a good entry help.
        uint64 theirs = _mint(stranger, stranger);
        IEscrow.Terms memory own = IEscrow.Terms(payer, signer.addr, theirs, 1, 9);
        _open(own, 50);
        IEscrow.Claim[] memory claims = new IEscrow.Claim[](3);
        (claims[0], claims[1], claims[2]) = (_claimOf(own, 20), _claimOf(t, 300), _claimOf(own, 50));
        vm.prank(stranger);
        escrow.claim(claims);
        assertEq(_claimed(id), 0);
        assertEq(_income(theirs, 1), 50);
    }

    function test_WhenANewOperatorIsNamed_ItLetsHimClaimAndTheOldOneNoMore() public {
        vm.prank(owner);
        assets.setOperator(asset, stranger);
        _expectSkip(operator.addr, _claimOf(t, 300), IEscrow.SkipReason.NotOperator);
        vm.prank(stranger);
        escrow.claim(_one(_claimOf(t, 300)));
        assertEq(_claimed(id), 300);
    }

    function test_WhenAKeyWasRemovedBeforeTheAssetWasSold_ItSkips() public {
        vm.startPrank(owner);
        assets.setOperator(asset, address(0));
        assets.transferFrom(owner, stranger, asset);
        vm.stopPrank();
        _expectSkip(operator.addr, _claimOf(t, 300), IEscrow.SkipReason.NotOperator);
    }
}

contract EscrowClaimOperator_GivenAnOpenChannel_GivenTheAssetIsSold is OpenChannelTest {
    function setUp() public override {
        super.setUp();
        vm.prank(owner);
        assets.transferFrom(owner, stranger, asset);
    }

    function test_WhenTheChannelIsOfTheSoldTenure_ItLeavesItToTheSeller() public {
        // The buyer and his operator get nothing of it.
        vm.prank(stranger);
        assets.setOperator(asset, address(0xB0B));
        _expectSkip(stranger, _claimOf(t, 300), IEscrow.SkipReason.NotOperator);
        _expectSkip(address(0xB0B), _claimOf(t, 300), IEscrow.SkipReason.NotOperator);
        // The seller's operator goes on, and the seller may claim himself.
        _claim(t, 300);
        IEscrow.Claim[] memory claims = _one(_claimOf(t, 400));
        vm.prank(owner);
        escrow.claim(claims);
        assertEq(_income(asset, 1), 400);
        assertEq(_income(asset, 2), 0);
        revenue.release(asset, 1);
        assertEq(revenue.balances(owner), 400);
    }

    function test_T9_WhenTheSellerClaimsForBothTenures_ItOpensHimNoWayIntoTheNext() public {
        vm.prank(stranger);
        assets.setOperator(asset, address(0xB0B));
        IEscrow.Terms memory next = IEscrow.Terms(payer, signer.addr, asset, 2, 5);
        _open(next, 500);
        // The seller and his operator may claim what was theirs, and nothing that stands beside it.
        address[2] memory sellers = [owner, operator.addr];
        for (uint256 i; i < 2; ++i) {
            IEscrow.Claim[] memory claims = new IEscrow.Claim[](2);
            (claims[0], claims[1]) = (_claimOf(t, 100 + i), _claimOf(next, 70));
            vm.expectEmit(address(escrow));
            emit IEscrow.Skipped(_id(next), IEscrow.SkipReason.NotOperator);
            vm.prank(sellers[i]);
            escrow.claim(claims);
        }
        assertEq(_income(asset, 1), 101);
        assertEq(_income(asset, 2), 0);
    }

    function test_WhenTheSellerRunsTheAssetForTheBuyer_ItCreditsBothTenuresApart() public {
        vm.prank(stranger);
        assets.setOperator(asset, owner); // who sold it now runs it
        IEscrow.Terms memory next = IEscrow.Terms(payer, signer.addr, asset, 2, 5);
        _open(next, 500);
        IEscrow.Claim[] memory claims = new IEscrow.Claim[](3);
        (claims[0], claims[1], claims[2]) = (_claimOf(t, 100), _claimOf(next, 70), _claimOf(t, 130));
        vm.prank(owner);
        escrow.claim(claims);
        assertEq(_income(asset, 1), 130);
        assertEq(_income(asset, 2), 70);
    }
}
