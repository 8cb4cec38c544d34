// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../../src/Escrow.sol";
import {Licences} from "../../src/Licences.sol";
import {TestToken} from "../../src/TestToken.sol";
import {ILicences} from "../../src/interfaces/ILicences.sol";
import {
    BlockingToken,
    FalseToken,
    FeeToken,
    HookToken,
    LyingToken,
    PlainToken,
    Reentrant
} from "../support/HostileTokens.sol";
import {LicencesTest} from "../support/LicencesTest.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

contract LicencesHostileTokens_GivenTokensThatMisbehave is LicencesTest {
    function _with(PlainToken hostile) internal returns (bytes32 offerId) {
        token = TestToken(address(hostile));
        escrow = new Escrow(IERC20(address(hostile)), assets, WINDOW, governance);
        revenue = escrow.revenue();
        licences = new Licences(escrow);
        _endow(buyer.addr);
        _endow(ann);
        return _offer(_terms(SUBSCRIPTION, true));
    }

    function test_T12_T14_WhenTheyBringLessThanThePrice_ItSellsNothing() public {
        bytes32 offerId = _with(new FeeToken());
        vm.expectRevert(abi.encodeWithSelector(ILicences.PriceNotPaid.selector, PRICE - PRICE / 10, PRICE));
        _buy(buyer.addr, offerId);
        offerId = _with(new LyingToken());
        vm.expectRevert(abi.encodeWithSelector(ILicences.PriceNotPaid.selector, 0, PRICE));
        _buy(buyer.addr, offerId);
        offerId = _with(new FalseToken());
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(token)));
        _buy(buyer.addr, offerId);
    }

    function test_T13_WhenAHolderIsBlocked_ItStopsNobodyAndPaysHimElsewhere() public {
        BlockingToken blocking = new BlockingToken();
        bytes32 offerId = _with(blocking);
        bytes32 id = _buy(buyer.addr, offerId);
        bytes32 other = _buy(ann, offerId);
        blocking.setBlocked(buyer.addr, true);
        vm.prank(owner);
        licences.revoke(id);
        vm.warp(block.timestamp + PERIOD);
        assertEq(_push(other), PRICE);
        vm.prank(buyer.addr);
        licences.withdraw(PRICE, address(0xCAFE));
        assertEq(_held(), 0);
        assertEq(blocking.balanceOf(address(0xCAFE)), PRICE);
    }

    function test_T11_WhenAHolderReenters_ItLetsHimGainNothing() public {
        bytes32 offerId = _with(new HookToken());
        _buy(ann, offerId); // others' money
        Reentrant thief = new Reentrant(HookToken(address(token)), address(licences));
        token.mint(address(thief), 10 * PRICE);
        thief.call(address(licences), abi.encodeCall(ILicences.buy, (offerId, LISTING, key.addr, 1)));
        bytes32 first = licences.licenceIdOf(address(thief), offerId, 1);
        thief.call(address(licences), abi.encodeCall(ILicences.refund, (first)));
        bytes[4] memory calls = [
            abi.encodeCall(ILicences.buy, (offerId, LISTING, key.addr, 1000)),
            abi.encodeCall(ILicences.withdraw, (1, address(thief))),
            abi.encodeCall(ILicences.renewTo, (first, LISTING, uint40(block.timestamp) + 2 * PERIOD)),
            abi.encodeCall(ILicences.push, (asset, 1, new bytes32[](0)))
        ];
        for (uint64 i; i < calls.length; ++i) {
            thief.arm(address(licences), calls[i]);
            thief.call(address(licences), abi.encodeCall(ILicences.buy, (offerId, LISTING, key.addr, i + 2)));
            _assertRefused(thief);
            thief.arm(address(licences), calls[i]);
            thief.call(address(licences), abi.encodeCall(ILicences.withdraw, (1, address(thief))));
            _assertRefused(thief);
        }
        // What is not guarded: a refund in the middle of its own purchase.
        bytes32 sixth = licences.licenceIdOf(address(thief), offerId, 6);
        thief.arm(address(licences), abi.encodeCall(ILicences.refund, (sixth)));
        thief.call(address(licences), abi.encodeCall(ILicences.buy, (offerId, LISTING, key.addr, 6)));
        assertTrue(thief.succeeded());
        assertEq(licences.refunds(address(thief)), 2 * uint256(PRICE) - 4);
        assertEq(_held(), 1 * PRICE + 4 * PRICE + licences.refunds(address(thief)));
    }

    function _assertRefused(Reentrant thief) internal view {
        assertFalse(thief.succeeded());
        assertEq(bytes4(thief.answer()), ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
    }
}
