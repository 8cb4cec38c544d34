// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILicences} from "../../src/interfaces/ILicences.sol";
import {LicencesTest} from "../support/LicencesTest.sol";

contract LicencesPush_GivenARefundableRental is LicencesTest {
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = _sold(RENTAL, true);
    }

    function test_WhenTheAssetIsSold_ItPaysTheTenureThatSoldTheLicence() public {
        vm.warp(block.timestamp + PERIOD / 3);
        _sellAsset(ann);
        assertTrue(licences.isValid(id), "licences live on");
        vm.warp(block.timestamp + PERIOD);
        assertEq(_push(id), PRICE);
        assertEq(revenue.balances(owner), PRICE);
        assertEq(revenue.balances(ann), 0);
    }

    function test_WhenTheLicenceIsOfAnotherTenure_ItRefuses() public {
        vm.expectRevert(abi.encodeWithSelector(ILicences.NotOfTenure.selector, id, asset, 2));
        licences.push(asset, 2, _list(id));
        vm.expectRevert(abi.encodeWithSelector(ILicences.NotOfTenure.selector, bytes32(uint256(3)), asset, 1));
        licences.push(asset, 1, _list(bytes32(uint256(3))));
    }
}

contract LicencesPush_GivenARefundableSubscription is LicencesTest {
    function testFuzz_WhenTimeRuns_ItPaysWhatTimeHasEarnedAndNoMore(uint40 first, uint40 second, uint96 price) public {
        ILicences.Offer memory o = _terms(SUBSCRIPTION, true);
        o.price = uint96(bound(price, 1, 1e15));
        bytes32 id = _buy(buyer.addr, _offer(o));
        (first, second) = (uint40(bound(first, 0, PERIOD)), uint40(bound(second, 0, 2 * PERIOD)));
        uint256 start = block.timestamp;
        vm.warp(start + first);
        uint256 due = uint256(o.price) * first / PERIOD;
        assertEq(licences.state(id).earned, due);
        vm.prank(stranger);
        assertEq(_push(id), due);
        assertEq(revenue.balances(owner), due);
        assertEq(_push(id), 0);
        vm.warp(start + first + second);
        _push(id);
        uint256 ran = first + second < PERIOD ? first + second : PERIOD;
        assertEq(revenue.balances(owner), uint256(o.price) * ran / PERIOD);
        assertEq(_held(), o.price - revenue.balances(owner));
    }

    function test_T15_WhenSomebodyDonated_ItGivesTheDonationToNobody() public {
        bytes32 id = _sold(SUBSCRIPTION, true);
        token.mint(address(licences), 50);
        vm.warp(block.timestamp + PERIOD);
        assertEq(_push(id), PRICE);
        assertEq(_held(), 50);
    }
}
