// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IJobs} from "../../src/interfaces/IJobs.sol";
import {JobsTest} from "../support/JobsTest.sol";

contract JobsWithdraw_GivenMoneyThatCameBack is JobsTest {
    function test_WhenTheClientWithdraws_ItPaysOutHisBalanceOnly() public {
        bytes32 id = _funded();
        _reject(evaluator, id, 1);
        vm.expectRevert(abi.encodeWithSelector(IJobs.InsufficientBalance.selector, evaluator, 0, 1));
        vm.prank(evaluator);
        jobs.withdraw(1, evaluator);
        address[4] memory bad = [address(0), address(jobs), address(revenue), address(escrow)];
        vm.startPrank(client.addr);
        for (uint256 i; i < 4; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IJobs.BadRecipient.selector, bad[i]));
            jobs.withdraw(1, bad[i]);
        }
        vm.expectRevert(abi.encodeWithSelector(IJobs.InsufficientBalance.selector, client.addr, 400, 401));
        jobs.withdraw(401, client.addr);
        vm.expectEmit(address(jobs));
        emit IJobs.Withdrawn(client.addr, model, 300);
        jobs.withdraw(300, model);
        jobs.withdraw(100, client.addr);
        assertEq(token.balanceOf(model), 300);
        assertEq(token.balanceOf(client.addr), 9_100);
        assertEq(jobs.balances(client.addr), 0);
    }

    function test_T15_WhenSomebodyDonated_ItGivesTheDonationToNobodyAndEverybodyHisOwn() public {
        token.mint(address(jobs), 77);
        bytes32 id = _submitted();
        _complete(id, 1);
        _reject(evaluator, id, 0);
        vm.prank(client.addr);
        jobs.withdraw(600, client.addr);
        assertEq(token.balanceOf(address(jobs)), 5_000 + 77);
    }
}
