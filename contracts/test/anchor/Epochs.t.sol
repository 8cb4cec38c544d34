// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAnchor} from "../../src/interfaces/IAnchor.sol";
import {AnchorTest} from "../support/AnchorTest.sol";

contract AnchorEpochs_GivenAnAssetWithAnOperator is AnchorTest {
    function test_WhenTheOperatorAnchorsEpochsInOrder_ItWritesEachDown() public {
        for (uint64 n = 1; n <= 3; ++n) {
            vm.warp(block.timestamp + 60);
            bytes32 root = keccak256(abi.encode(n));
            vm.expectEmit(address(anchor));
            emit IAnchor.Anchored(asset, 1, n, root, 3, 300);
            _anchor(operator.addr, 1, n, root);
            IAnchor.Epoch memory e = anchor.epoch(asset, 1, n);
            assertEq(e.root, root);
            assertEq(e.amount, 300);
            assertEq(e.receipts, 3);
            assertEq(e.anchoredAtSec, block.timestamp);
            assertEq(anchor.epochs(asset, 1), n);
        }
    }

    function test_WhenTheRootIsZeroOrThereAreNoReceipts_ItRefuses() public {
        vm.startPrank(operator.addr);
        vm.expectRevert(abi.encodeWithSelector(IAnchor.ZeroRoot.selector, asset));
        anchor.anchor(asset, 1, 1, bytes32(0), 1, 1);
        vm.expectRevert(abi.encodeWithSelector(IAnchor.NoReceipts.selector, asset));
        anchor.anchor(asset, 1, 1, ROOT, 0, 1);
        // Free calls have receipts too.
        anchor.anchor(asset, 1, 1, ROOT, 1, 0);
    }

    function testFuzz_I4_WhenTheCallerIsNotTheOperatorOfThatTenure_ItRefuses(address caller, uint32 tenure) public {
        vm.assume(caller != operator.addr || tenure != 1);
        vm.expectRevert(abi.encodeWithSelector(IAnchor.NotOperator.selector, asset, tenure, caller));
        _anchor(caller, tenure, 1, ROOT);
    }

    function test_WhenTheOwnerAnchorsWithoutBeingTheOperator_ItRefuses() public {
        vm.expectRevert(abi.encodeWithSelector(IAnchor.NotOperator.selector, asset, 1, owner));
        _anchor(owner, 1, 1, ROOT);
    }

    function test_WhenARemovedOperatorAnchors_ItRefusesBeforeAndAfterASale() public {
        vm.prank(owner);
        assets.setOperator(asset, address(0xB0B));
        bytes memory refused = abi.encodeWithSelector(IAnchor.NotOperator.selector, asset, 1, operator.addr);
        vm.expectRevert(refused);
        _anchor(operator.addr, 1, 1, ROOT);
        vm.prank(owner);
        assets.transferFrom(owner, stranger, asset);
        vm.expectRevert(refused);
        _anchor(operator.addr, 1, 1, ROOT);
        _anchor(address(0xB0B), 1, 1, ROOT);
    }
}

contract AnchorEpochs_GivenAnAssetWithAnOperator_GivenAnAnchoredEpoch is AnchorTest {
    function setUp() public override {
        super.setUp();
        _anchor(operator.addr, 1, 1, ROOT);
    }

    function test_WhenTheNumberIsNotTheNext_ItRefuses() public {
        uint64[4] memory bad = [uint64(0), 1, 3, type(uint64).max];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IAnchor.WrongEpoch.selector, asset, bad[i], 2));
            _anchor(operator.addr, 1, bad[i], keccak256("another"));
        }
        assertEq(anchor.epoch(asset, 1, 1).root, ROOT);
        assertEq(anchor.epochs(asset, 1), 1);
    }

    function test_WhenAnotherAssetIsAnchored_ItCountsBothApart() public {
        uint64 other = _mint(stranger, operator.addr);
        vm.prank(operator.addr);
        anchor.anchor(other, 1, 1, ROOT, 1, 1);
        assertEq(anchor.epochs(other, 1), 1);
        assertEq(anchor.epochs(asset, 1), 1);
    }

    function test_WhenTheAssetIsSold_ItLetsEachOperatorAnchorForHisOwnTenureAlone() public {
        vm.prank(owner);
        assets.transferFrom(owner, stranger, asset);
        vm.prank(stranger);
        assets.setOperator(asset, address(0xB0B));
        // The seller may collect, and signs nothing.
        vm.expectRevert(abi.encodeWithSelector(IAnchor.NotOperator.selector, asset, 1, owner));
        _anchor(owner, 1, 2, ROOT);
        // Each anchors for its own tenure, and for no other.
        _anchor(operator.addr, 1, 2, ROOT);
        _anchor(address(0xB0B), 2, 1, ROOT);
        vm.expectRevert(abi.encodeWithSelector(IAnchor.NotOperator.selector, asset, 2, operator.addr));
        _anchor(operator.addr, 2, 2, ROOT);
        vm.expectRevert(abi.encodeWithSelector(IAnchor.NotOperator.selector, asset, 1, address(0xB0B)));
        _anchor(address(0xB0B), 1, 3, ROOT);
    }
}
