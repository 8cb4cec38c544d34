// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Shares} from "../../src/Shares.sol";
import {WeftGovernor} from "../../src/WeftGovernor.sol";
import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {WeftTest} from "./WeftTest.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// An asset that a contract of 1,000 shares owns, commanded by a governor of these shares.
abstract contract SharesTest is WeftTest {
    uint256 internal constant SUPPLY = 1_000;

    Shares internal shares;
    TimelockController internal timelock;
    WeftGovernor internal governor;
    address internal ann = makeAddr("ann");
    address internal ben = makeAddr("ben");
    address internal key = makeAddr("the next operator");
    uint64 internal salt;

    function setUp() public virtual override {
        super.setUp();
        timelock = new TimelockController(1 days, new address[](0), new address[](0), address(this));
        shares = new Shares("Shares of a model", "MODEL", SUPPLY, asset, assets, revenue, address(timelock));
        governor = new WeftGovernor("Model", shares, timelock, 1 hours, 3 days, 10, 20);
        timelock.grantRole(timelock.PROPOSER_ROLE(), address(governor));
        timelock.grantRole(timelock.CANCELLER_ROLE(), address(governor));
        timelock.grantRole(timelock.EXECUTOR_ROLE(), address(0));
        timelock.renounceRole(timelock.DEFAULT_ADMIN_ROLE(), address(this));
        vm.prank(owner);
        assets.safeTransferFrom(owner, address(shares), asset);
    }

    /// The shares' tenure earns `amount` through the asset's operator, and it is released.
    function _earn(uint96 amount) internal {
        if (assets.head(asset).operator == address(0)) _command(abi.encodeCall(shares.setOperator, (key)));
        IEscrow.Terms memory t = IEscrow.Terms(payer, signer.addr, asset, 2, ++salt);
        _open(t, amount);
        IEscrow.Claim[] memory claims = _one(_claimOf(t, amount));
        vm.prank(key);
        escrow.claim(claims);
        revenue.release(asset, 2);
    }

    /// As the timelock would after a vote; the vote itself has tests of its own.
    function _command(bytes memory call) internal {
        vm.prank(address(timelock));
        (bool done, bytes memory why) = address(shares).call(call);
        require(done, string(why));
    }

    function _give(address from, address to, uint256 amount) internal {
        vm.prank(from);
        require(shares.transfer(to, amount));
    }
}
