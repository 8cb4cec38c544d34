// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Jobs} from "../../src/Jobs.sol";
import {IAssets} from "../../src/interfaces/IAssets.sol";
import {IJobs} from "../../src/interfaces/IJobs.sol";
import {WeftTest} from "./WeftTest.sol";
import {Vm} from "forge-std/Vm.sol";

/// A client, an evaluator and two providers, one of which was built from the other.
abstract contract JobsTest is WeftTest {
    bytes32 internal constant DELIVERABLE = keccak256("result");
    bytes32 internal constant REASON = keccak256("report");
    uint32 internal constant REVIEW = 2 days;

    Jobs internal jobs;
    Vm.Wallet internal client;
    address internal evaluator = makeAddr("evaluator");
    address internal treasury = makeAddr("treasury");
    address internal model = makeAddr("owner of the model");
    address internal modelKey = makeAddr("operator of the model");
    uint64 internal child;

    function setUp() public virtual override {
        super.setUp();
        jobs = new Jobs(escrow);
        client = vm.createWallet("client");
        _rich(client.addr);
        // Others' money, so that taking too much would succeed.
        _rich(stranger);
        _fundAs(stranger, _terms(_orders(asset, 5_000), 99));
        IAssets.Parent[] memory parents = new IAssets.Parent[](1);
        parents[0] = IAssets.Parent(uint48(asset), 2_000);
        vm.prank(model);
        child = assets.mint(modelKey, parents, bytes32(0));
    }

    function _rich(address who) internal {
        token.mint(who, 10_000);
        vm.prank(who);
        token.approve(address(jobs), type(uint256).max);
    }

    function _orders(uint64 a, uint96 amount) internal view returns (IJobs.Order[] memory list) {
        list = new IJobs.Order[](1);
        list[0] = IJobs.Order(a, assets.tenureOf(a), amount);
    }

    /// 600 for the child, 400 for its parent.
    function _two() internal view returns (IJobs.Order[] memory list) {
        list = new IJobs.Order[](2);
        list[0] = IJobs.Order(child, 1, 600);
        list[1] = IJobs.Order(asset, 1, 400);
    }

    function _terms(IJobs.Order[] memory orders, uint256 salt) internal view returns (IJobs.Terms memory) {
        return IJobs.Terms(evaluator, _expiry(), REVIEW, keccak256("brief"), bytes32(salt), orders);
    }

    function _fundAs(address who, IJobs.Terms memory terms) internal returns (bytes32) {
        vm.prank(who);
        return jobs.fund(terms);
    }

    function _funded() internal returns (bytes32) {
        return _fundAs(client.addr, _terms(_two(), 1));
    }

    /// The first step submitted.
    function _submittedInPart() internal returns (bytes32 id) {
        id = _funded();
        _submit(modelKey, id, 0);
    }

    /// Both steps submitted.
    function _submitted() internal returns (bytes32 id) {
        id = _submittedInPart();
        _submit(operator.addr, id, 1);
    }

    function _submit(address who, bytes32 id, uint256 step) internal {
        vm.prank(who);
        jobs.submit(id, step, DELIVERABLE);
    }

    function _complete(bytes32 id, uint256 step) internal {
        vm.prank(evaluator);
        jobs.complete(id, step, DELIVERABLE, REASON);
    }

    function _reject(address who, bytes32 id, uint256 step) internal {
        vm.prank(who);
        jobs.reject(id, step, REASON);
    }

    function _status(bytes32 id, uint256 step) internal view returns (IJobs.Status) {
        return jobs.stepOf(id, step).status;
    }

    function _assertStatus(bytes32 id, uint256 step, IJobs.Status status) internal view {
        assertEq(uint8(_status(id, step)), uint8(status), "status");
    }

    function _wrong(bytes32 id, uint256 step, IJobs.Status status) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IJobs.WrongStatus.selector, id, step, status);
    }
}
