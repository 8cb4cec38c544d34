// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Portion, portion} from "../src/Portion.sol";
import {IAssets} from "../src/interfaces/IAssets.sol";
import {IEscrow} from "../src/interfaces/IEscrow.sol";
import {IRevenue} from "../src/interfaces/IRevenue.sol";
import {WeftTest} from "./support/WeftTest.sol";


/// Given assets that were built from others, when what they earn is released.
contract LineageTest is WeftTest {
    address internal data = makeAddr("owner of the dataset");
    address internal model = makeAddr("owner of the model");
    address internal treasury = makeAddr("treasury");
    uint64 internal salt;

    function _parents(uint64 a, uint16 aBps) internal pure returns (IAssets.Parent[] memory list) {
        list = new IAssets.Parent[](1);
        list[0] = IAssets.Parent(uint48(a), aBps);
    }

    function _parents(uint64 a, uint16 aBps, uint64 b, uint16 bBps)
        internal
        pure
        returns (IAssets.Parent[] memory list)
    {
        list = new IAssets.Parent[](2);
        list[0] = IAssets.Parent(uint48(a), aBps);
        list[1] = IAssets.Parent(uint48(b), bBps);
    }

    function _child(address to, IAssets.Parent[] memory list) internal returns (uint64) {
        vm.prank(to);
        return assets.mint(operator.addr, list, bytes32(0));
    }

    /// The asset earns, in its present tenure, through a channel of its own.
    function _earn(uint64 child, uint96 amount) internal {
        IEscrow.Terms memory t = IEscrow.Terms(payer, signer.addr, child, assets.tenureOf(child), ++salt);
        _open(t, amount);
        _claim(t, amount);
    }

    function _waiting(uint64 parent, uint32 tenure) internal view returns (uint256) {
        (uint128 credited, uint128 released) = revenue.royalties(parent, tenure);
        return credited - released;
    }

    function _one(Portion p) internal pure returns (Portion[] memory list) {
        list = new Portion[](1);
        list[0] = p;
    }

    // Terms

    function test_mint_givesAParentAtLeastWhatItsTermsDemand() public {
        vm.prank(owner);
        vm.expectEmit(address(assets));
        emit IAssets.RoyaltySet(asset, 1_000);
        assets.setRoyalty(asset, 1_000);
        IAssets.Parent[] memory list = _parents(asset, 999);
        vm.expectRevert(abi.encodeWithSelector(IAssets.RoyaltyTooLow.selector, asset, 999, 1_000));
        vm.prank(model);
        assets.mint(address(0), list, bytes32(0));
        assertEq(assets.parents(_child(model, _parents(asset, 1_000)))[0].bps, 1_000);
        assertEq(assets.parents(_child(model, _parents(asset, 1_500)))[0].bps, 1_500);
    }

    function test_setRoyalty_changesNothingForChildrenThatAreThere() public {
        uint64 child = _child(model, _parents(asset, 500));
        vm.prank(owner);
        assets.setRoyalty(asset, 9_000);
        assertEq(assets.parents(child)[0].bps, 500);
        _earn(child, 100);
        revenue.release(child, 1);
        assertEq(_waiting(asset, 1), 5);
    }

    function test_setRoyalty_isTheOwnersAndAtMostAll() public {
        vm.expectRevert(abi.encodeWithSelector(IAssets.NotOwner.selector, asset, stranger));
        vm.prank(stranger);
        assets.setRoyalty(asset, 1);
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(IAssets.RoyaltyTooHigh.selector, asset, 10_001, 10_000));
        assets.setRoyalty(asset, 10_001);
        assets.setRoyalty(asset, 10_000);
        assertEq(assets.terms(asset).royaltyBps, 10_000);
    }

    function test_mint_refusesSelfAndCyclesAndMoreThanAll() public {
        uint48 next = uint48(assets.count() + 1);
        vm.expectRevert(abi.encodeWithSelector(IAssets.BadParent.selector, next, next));
        assets.mint(address(0), _parents(next, 1), bytes32(0));
        vm.expectRevert(abi.encodeWithSelector(IAssets.BadParent.selector, next + 1, next));
        assets.mint(address(0), _parents(next + 1, 1), bytes32(0));
        uint64 other = _mint(data, address(0));
        vm.expectRevert(abi.encodeWithSelector(IAssets.SharesTooHigh.selector, 10_001));
        assets.mint(address(0), _parents(asset, 5_000, other, 5_001), bytes32(0));
    }

    function test_mint_boundsTheDepthOfALineage() public {
        uint64 last = asset;
        for (uint256 i; i < 32; ++i) last = _child(model, _parents(last, 1));
        assertEq(assets.terms(last).depth, 32);
        vm.expectRevert(abi.encodeWithSelector(IAssets.LineageTooDeep.selector, last, 32));
        assets.mint(address(0), _parents(last, 1), bytes32(0));
        // What counts is the deepest parent.
        uint64 sibling = _child(model, _parents(asset, 1, last - 1, 1));
        assertEq(assets.terms(sibling).depth, 32);
        uint64 root = _mint(model, address(0));
        assertEq(assets.terms(_child(model, _parents(last - 1, 1, root, 1))).depth, 32);
    }

    // Release

    /// Up to sixteen parents, whose last slot is full or not, some of which were sold.
    function testFuzz_lineage_namesEveryParentInItsTenure(uint256 count, uint256 sold) public {
        count = bound(count, 0, 16);
        IAssets.Parent[] memory list = new IAssets.Parent[](count);
        for (uint256 i; i < count; ++i) {
            list[i] = IAssets.Parent(uint48(_mint(data, address(0))), uint16(i == 0 ? 1 : 625 - i));
            if ((sold >> i) % 2 == 0) continue;
            vm.prank(data);
            assets.transferFrom(data, model, list[i].asset);
        }
        uint64 child = _child(owner, list);
        (address of1, Portion[] memory found) = assets.lineage(child, 1);
        assertEq(of1, owner);
        assertEq(found.length, count);
        for (uint256 i; i < count; ++i) {
            uint256 tenure = (sold >> i) % 2 == 0 ? 1 : 2;
            assertEq(Portion.unwrap(found[i]), Portion.unwrap(portion(list[i].asset, tenure, list[i].bps)));
        }
        assertEq(keccak256(abi.encode(assets.parents(child))), keccak256(abi.encode(list)));
        (of1,) = assets.lineage(child, 2);
        assertEq(of1, address(0));
    }

    function test_release_paysSixteenParents() public {
        IAssets.Parent[] memory list = new IAssets.Parent[](16);
        for (uint256 i; i < 16; ++i) list[i] = IAssets.Parent(uint48(_mint(data, address(0))), uint16(i + 1));
        uint64 child = _child(owner, list);
        _earn(child, 10_000);
        assertEq(revenue.release(child, 1), 10_000 - 136);
        for (uint256 i; i < 16; ++i) assertEq(_waiting(list[i].asset, 1), i + 1);
    }

    /// The packed counters of a tenure must not run into each other, nor a sum over 128 bits be taken for a small one.
    function test_release_refusesRoyaltiesThatNobodyCouldCount() public {
        uint64 child = _child(model, _parents(asset, 10_000));
        token.mint(stranger, type(uint128).max);
        vm.startPrank(stranger);
        token.approve(address(escrow), type(uint256).max);
        revenue.pay(child, 1, type(uint128).max);
        assertEq(_waiting(asset, 1), type(uint128).max);
        token.mint(stranger, 1);
        vm.expectRevert(abi.encodeWithSelector(IRevenue.RoyaltiesTooHigh.selector, (uint256(asset) << 32) | 1));
        revenue.pay(child, 1, 1);
        revenue.release(asset, 1);
        assertEq(revenue.balances(owner), type(uint128).max);
    }

    function test_release_creditsOwnerAndParentsAndClimbsOneLevelATime() public {
        uint64 base = _mint(data, operator.addr);
        uint64 tuned = _child(model, _parents(base, 2_000));
        uint64 service = _child(owner, _parents(tuned, 3_000));
        _earn(service, 1_000);

        vm.expectEmit(address(revenue));
        emit IRevenue.Released(service, 1, owner, 700, 1_000, 0, _one(portion(tuned, 1, 300)));
        assertEq(revenue.release(service, 1), 700);
        assertEq(_waiting(base, 1), 0);

        vm.expectEmit(address(revenue));
        emit IRevenue.Released(tuned, 1, model, 240, 0, 300, _one(portion(base, 1, 60)));
        vm.prank(stranger);
        assertEq(revenue.release(tuned, 1), 240);

        assertEq(revenue.release(base, 1), 60);
        assertEq(revenue.balances(owner), 700);
        assertEq(revenue.balances(model), 240);
        assertEq(revenue.balances(data), 60);
    }

    function test_release_ofADiamondPaysEveryPath() public {
        uint64 base = _mint(data, operator.addr);
        uint64 left = _child(model, _parents(base, 1_000));
        uint64 right = _child(model, _parents(base, 5_000));
        uint64 top = _child(owner, _parents(base, 1_000, left, 2_000));
        // A fourth, of all three.
        IAssets.Parent[] memory three = new IAssets.Parent[](3);
        three[0] = IAssets.Parent(uint48(base), 1_000);
        three[1] = IAssets.Parent(uint48(left), 2_000);
        three[2] = IAssets.Parent(uint48(right), 4_000);
        top = _child(owner, three);
        _earn(top, 1_000);
        revenue.release(top, 1);
        revenue.release(right, 1);
        revenue.release(left, 1);
        revenue.release(base, 1);
        // 100 itself, a tenth of 200, half of 400.
        assertEq(revenue.balances(data), 100 + 20 + 200);
        assertEq(revenue.balances(model), 180 + 200);
        assertEq(revenue.balances(owner), 300);
    }

    function test_release_leavesTheDustToTheOwner() public {
        uint64 child = _child(model, _parents(asset, 3_333));
        _earn(child, 10);
        assertEq(revenue.release(child, 1), 7);
        _earn(child, 1);
        assertEq(revenue.release(child, 1), 1);
        assertEq(_waiting(asset, 1), 3);
    }

    function test_release_twiceGivesNothingTheSecondTime() public {
        uint64 child = _child(model, _parents(asset, 5_000));
        _earn(child, 100);
        revenue.release(child, 1);
        assertEq(revenue.release(child, 1), 0);
        assertEq(revenue.release(asset, 1), 50);
        vm.recordLogs();
        assertEq(revenue.release(asset, 1), 0);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(revenue.balances(owner), 50);
    }

    function test_release_paysAParentInTheTenureThatItIsInThen() public {
        uint64 child = _child(model, _parents(asset, 5_000));
        _earn(child, 100);
        revenue.release(child, 1);
        vm.prank(owner);
        assets.transferFrom(owner, stranger, asset);
        _earn(child, 100);
        revenue.release(child, 1);
        revenue.release(asset, 1);
        revenue.release(asset, 2);
        assertEq(revenue.balances(owner), 50);
        assertEq(revenue.balances(stranger), 50);
    }

    function test_release_ofAllToParentsLeavesTheOwnerNothing() public {
        uint64 child = _child(model, _parents(asset, 10_000));
        _earn(child, 100);
        assertEq(revenue.release(child, 1), 0);
        assertEq(_waiting(asset, 1), 100);
    }

    // Fee

    function test_setFee_isGovernancesAndBounded() public {
        vm.expectRevert(abi.encodeWithSelector(IRevenue.NotGovernance.selector, owner));
        vm.prank(owner);
        revenue.setFee(1, treasury);
        vm.startPrank(governance);
        vm.expectRevert(abi.encodeWithSelector(IRevenue.FeeTooHigh.selector, 501, 500));
        revenue.setFee(501, treasury);
        address[3] memory bad = [address(0), address(escrow), address(revenue)];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IRevenue.BadRecipient.selector, bad[i]));
            revenue.setFee(1, bad[i]);
        }
        vm.expectEmit(address(revenue));
        emit IRevenue.FeeSet(500, treasury);
        revenue.setFee(500, treasury);
        (uint16 bps, address to) = revenue.fee();
        assertEq(bps, 500);
        assertEq(to, treasury);
        revenue.setFee(0, address(0));
    }

    function test_release_takesTheFeeOnceOfWhatCallsEarned() public {
        uint64 child = _child(model, _parents(asset, 5_000));
        vm.prank(governance);
        revenue.setFee(500, treasury);
        _earn(child, 1_000);
        vm.expectEmit(address(revenue));
        emit IRevenue.FeeTaken(child, 1, treasury, 50);
        revenue.release(child, 1);
        revenue.release(asset, 1);
        assertEq(revenue.balances(treasury), 50);
        assertEq(revenue.balances(model), 475);
        assertEq(revenue.balances(owner), 475);
        vm.prank(treasury);
        revenue.withdraw(50, treasury);
        assertEq(token.balanceOf(treasury), 50);
    }

    function test_T20_governanceTouchesNothingButTheFee() public {
        _earn(asset, 100);
        vm.startPrank(governance);
        vm.expectRevert(abi.encodeWithSelector(IRevenue.InsufficientBalance.selector, governance, 0, 1));
        revenue.withdraw(1, governance);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotRevenue.selector, governance));
        escrow.collect(asset, 1);
    }

    /// Whatever the lineage and the order of releases: every unit goes to somebody, and nobody gets more than there was.
    function testFuzz_release_accountsForEveryUnit(uint96 amount, uint16 a, uint16 b, uint16 c, uint16 feeBps, uint8 order)
        public
    {
        amount = uint96(bound(amount, 1, 900_000));
        a = uint16(bound(a, 1, 10_000));
        b = uint16(bound(b, 1, 9_999));
        c = uint16(bound(c, 1, 10_000 - b));
        vm.prank(governance);
        revenue.setFee(uint16(bound(feeBps, 0, 500)), treasury);
        uint64 base = _mint(data, operator.addr);
        uint64 tuned = _child(model, _parents(base, a));
        uint64 top = _child(stranger, _parents(base, b, tuned, c));
        _earn(top, amount);
        uint64[3] memory all = [top, tuned, base];
        // Once in any order, then from the top down, after which nothing waits.
        for (uint256 i; i < 3; ++i) revenue.release(all[(order + i) % 3], 1);
        for (uint256 i; i < 3; ++i) revenue.release(all[i], 1);
        uint256 sum = revenue.balances(data) + revenue.balances(model) + revenue.balances(stranger)
            + revenue.balances(treasury);
        assertEq(sum, amount);
        for (uint256 i; i < 3; ++i) assertEq(_waiting(all[i], 1), 0);
    }

    // Sale royalty

    function test_royaltyInfo_paysTheMakerAlsoAfterSales() public {
        vm.prank(owner);
        assets.setSaleRoyalty(asset, 1_000);
        vm.prank(owner);
        assets.transferFrom(owner, stranger, asset);
        vm.prank(stranger);
        assets.transferFrom(stranger, model, asset);
        (address maker, uint256 amount) = assets.royaltyInfo(asset, 999);
        assertEq(maker, owner);
        assertEq(amount, 99);
        assertTrue(assets.supportsInterface(0x2a55205a));
        assertTrue(assets.supportsInterface(0x80ac58cd));
    }

    function test_setSaleRoyalty_isTheMakersBeforeTheFirstSaleAndBounded() public {
        vm.expectRevert(abi.encodeWithSelector(IAssets.NotMaker.selector, asset, stranger));
        vm.prank(stranger);
        assets.setSaleRoyalty(asset, 1);
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(IAssets.RoyaltyTooHigh.selector, asset, 1_001, 1_000));
        assets.setSaleRoyalty(asset, 1_001);
        assets.transferFrom(owner, stranger, asset);
        vm.stopPrank();
        address[2] memory callers = [owner, stranger];
        for (uint256 i; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IAssets.NotMaker.selector, asset, callers[i]));
            vm.prank(callers[i]);
            assets.setSaleRoyalty(asset, 1);
        }
    }

    function test_royaltyInfo_ofNothingIsNothing() public view {
        (address maker, uint256 amount) = assets.royaltyInfo(type(uint256).max, 100);
        assertEq(maker, address(0));
        assertEq(amount, 0);
        (maker, amount) = assets.royaltyInfo(asset, type(uint256).max);
        assertEq(amount, 0);
    }
}
