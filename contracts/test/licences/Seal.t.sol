// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILicences} from "../../src/interfaces/ILicences.sol";
import {LicencesTest} from "../support/LicencesTest.sol";

contract LicencesSeal_GivenAPass is LicencesTest {
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = _sold(PASS, true);
    }

    function test_WhenItIsNotSealed_ItNeitherMovesNorIsRefunded() public {
        bytes memory why = abi.encodeWithSelector(ILicences.CountNeeded.selector, id);
        vm.startPrank(buyer.addr);
        vm.expectRevert(why);
        licences.transferFrom(buyer.addr, ann, uint256(id));
        vm.expectRevert(why);
        licences.refund(id);
        vm.expectRevert(why);
        licences.setSigner(id, address(9));
        vm.stopPrank();
        _seal(id, 40);
        assertEq(licences.due(asset, 1), PRICE * 40 / 100);
        assertEq(licences.state(id).signer, address(0));
        vm.prank(buyer.addr);
        licences.transferFrom(buyer.addr, ann, uint256(id));
        vm.prank(ann);
        licences.refund(id);
        assertEq(licences.refunds(ann), PRICE * 60 / 100);
        assertEq(licences.refunds(buyer.addr), 0);
    }

    function test_WhenTheCountDoesNotHold_ItRefuses() public {
        _claimUses(id, 10);
        uint40 nowSec = uint40(block.timestamp);
        uint64[2] memory bad = [uint64(9), 101];
        for (uint256 i; i < 2; ++i) {
            (bytes32 r1, bytes32 vs1) = _signCount(operator.privateKey, id, bad[i], 1, nowSec);
            _refusesSeal(
                bad[i], nowSec, r1, vs1, abi.encodeWithSelector(ILicences.BadCount.selector, id, bad[i], 10, 100)
            );
        }
        (bytes32 r, bytes32 vs) = _signCount(operator.privateKey, id, 20, 1, nowSec - 1);
        _refusesSeal(20, nowSec - 1, r, vs, abi.encodeWithSelector(ILicences.DeadlinePassed.selector, id, nowSec - 1));
        bytes memory badSignature = abi.encodeWithSelector(ILicences.BadSignature.selector, id);
        _refusesSeal(20, nowSec, r, vs, badSignature);
        _refusesSeal(20, nowSec, 0, 0, badSignature);
        (r, vs) = _signCount(buyer.privateKey, id, 20, 1, nowSec);
        _refusesSeal(20, nowSec, r, vs, badSignature);
        (r, vs) = _signCount(operator.privateKey, id, 20, 2, nowSec);
        _refusesSeal(20, nowSec, r, vs, badSignature);
        (r, vs) = _signCount(operator.privateKey, id, 20, 1, nowSec);
        _refusesSeal(20, nowSec, r, vs ^ bytes32(uint256(1) << 255), badSignature);
        vm.chainId(block.chainid + 1);
        _refusesSeal(20, nowSec, r, vs, badSignature);
        vm.chainId(block.chainid - 1);
        vm.prank(owner);
        assets.setOperator(asset, address(0xB0B)); // the key may be a thief's
        _refusesSeal(20, nowSec, r, vs, badSignature);
    }

    function _refusesSeal(uint64 uses, uint40 deadlineSec, bytes32 r, bytes32 vs, bytes memory why) internal {
        vm.expectRevert(why);
        vm.prank(buyer.addr);
        licences.seal(id, uses, deadlineSec, r, vs);
    }

    function test_WhenTheSignerIsTheNext_ItRefusesTheCountOfTheLast() public {
        uint40 deadlineSec = uint40(block.timestamp + 1 hours);
        (bytes32 r, bytes32 vs) = _signCount(operator.privateKey, id, 20, 1, deadlineSec);
        vm.startPrank(buyer.addr);
        licences.seal(id, 20, deadlineSec, r, vs);
        licences.setSigner(id, key.addr);
        vm.expectRevert(abi.encodeWithSelector(ILicences.BadSignature.selector, id));
        licences.seal(id, 20, deadlineSec, r, vs);
        vm.stopPrank();
        _claimUses(id, 35);
        _seal(id, 35);
        assertEq(licences.state(id).signerNumber, 2);
    }

    function testFuzz_I4_WhenTheCallerIsNotTheHolder_ItRefuses(address caller) public {
        vm.assume(caller != buyer.addr);
        bytes memory why = abi.encodeWithSelector(ILicences.NotHolder.selector, id, caller);
        vm.startPrank(caller);
        vm.expectRevert(why);
        licences.refund(id);
        vm.expectRevert(why);
        licences.seal(id, 0, uint40(block.timestamp), 0, 0);
        vm.expectRevert(why);
        licences.setSigner(id, caller);
        vm.stopPrank();
    }
}

contract LicencesSeal_GivenAPass_GivenNoSigner is LicencesTest {
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = _soldWithoutSigner(PASS, true);
    }

    function test_WhenItWasNeverUsed_ItMovesAndIsRefundedFreely() public {
        vm.prank(buyer.addr);
        licences.transferFrom(buyer.addr, ann, uint256(id));
        vm.startPrank(ann);
        vm.expectRevert(abi.encodeWithSelector(ILicences.NothingToCount.selector, id));
        licences.seal(id, 0, uint40(block.timestamp), 0, 0);
        licences.refund(id);
        vm.stopPrank();
        assertEq(licences.refunds(ann), PRICE);
    }
}

contract LicencesSeal_GivenARental is LicencesTest {
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = _sold(RENTAL, true);
    }

    function test_WhenItIsSealed_ItRefuses() public {
        vm.expectRevert(abi.encodeWithSelector(ILicences.NothingToCount.selector, id));
        vm.prank(buyer.addr);
        licences.seal(id, 0, uint40(block.timestamp), 0, 0);
    }
}
