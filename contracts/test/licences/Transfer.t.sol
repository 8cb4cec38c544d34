// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILicences} from "../../src/interfaces/ILicences.sol";
import {LicencesTest} from "../support/LicencesTest.sol";

contract LicencesTransfer_GivenASubscription is LicencesTest {
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = _sold(SUBSCRIPTION, true);
    }

    function test_WhenItMoves_ItLosesTheSignerOfTheOldHolder() public {
        vm.expectEmit(address(licences));
        emit ILicences.SignerSet(id, address(0), 1);
        vm.prank(buyer.addr);
        licences.transferFrom(buyer.addr, ann, uint256(id));
        ILicences.State memory s = licences.state(id);
        assertEq(s.holder, ann);
        assertEq(s.signer, address(0));
        assertTrue(s.valid);
        vm.prank(ann);
        licences.setSigner(id, address(9));
        assertEq(licences.state(id).signer, address(9));
        assertEq(licences.state(id).signerNumber, 2);
    }

    function test_WhenNobodyIsNamedAsSigner_ItRefuses() public {
        vm.expectRevert(abi.encodeWithSelector(ILicences.ZeroSigner.selector, id));
        vm.prank(buyer.addr);
        licences.setSigner(id, address(0));
        vm.expectRevert(abi.encodeWithSelector(ILicences.NotRunning.selector, bytes32(uint256(1))));
        licences.setSigner(bytes32(uint256(1)), address(9));
    }
}

contract LicencesTransfer_GivenALicenceThatMayNotMove is LicencesTest {
    function test_WhenHolderOrApprovedTransferIt_ItRefuses() public {
        ILicences.Offer memory o = _terms(SUBSCRIPTION, true);
        o.transferable = false;
        bytes32 id = _buy(buyer.addr, _offer(o));
        vm.startPrank(buyer.addr);
        vm.expectRevert(abi.encodeWithSelector(ILicences.NotTransferable.selector, id));
        licences.transferFrom(buyer.addr, ann, uint256(id));
        licences.approve(ann, uint256(id));
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(ILicences.NotTransferable.selector, id));
        vm.prank(ann);
        licences.safeTransferFrom(buyer.addr, ann, uint256(id));
        // What is approved is the token, not the money
        vm.expectRevert(abi.encodeWithSelector(ILicences.NotHolder.selector, id, ann));
        vm.prank(ann);
        licences.refund(id);
    }
}
