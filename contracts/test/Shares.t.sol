// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Shares} from "../src/Shares.sol";
import {WeftGovernor} from "../src/WeftGovernor.sol";
import {IAssets} from "../src/interfaces/IAssets.sol";
import {IEscrow} from "../src/interfaces/IEscrow.sol";
import {IRevenue} from "../src/interfaces/IRevenue.sol";
import {IShares} from "../src/interfaces/IShares.sol";
import {WeftTest} from "./support/WeftTest.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// Given an asset that a contract of 1,000 shares owns, commanded by a governor of these shares.
contract SharesTest is WeftTest {
    uint256 internal constant SUPPLY = 1_000;

    Shares internal shares;
    TimelockController internal timelock;
    WeftGovernor internal governor;
    address internal ann = makeAddr("ann");
    address internal ben = makeAddr("ben");
    address internal key = makeAddr("the next operator");
    uint64 internal salt;

    function setUp() public override {
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

    // Issue

    function test_issue_givesAllSharesToWhoBroughtTheAsset() public view {
        assertEq(shares.balanceOf(owner), SUPPLY);
        assertEq(shares.totalSupply(), SUPPLY);
        assertEq(assets.ownerOf(asset), address(shares));
    }

    function test_issue_helpsWhoForgotToTransferSafely() public {
        uint64 other = _mint(ann, address(0));
        Shares made = new Shares("O", "O", SUPPLY, other, assets, revenue, address(this));
        vm.expectRevert(IShares.NotIssued.selector);
        made.issue();
        vm.prank(ann);
        assets.transferFrom(ann, address(made), other);
        vm.prank(stranger);
        made.issue();
        assertEq(made.balanceOf(ann), SUPPLY);
        vm.expectRevert(IShares.AlreadyIssued.selector);
        made.issue();
    }

    function test_issue_takesItsAssetAlone() public {
        uint64 other = _mint(ann, address(0));
        vm.expectRevert(abi.encodeWithSelector(IShares.NotTheAsset.selector, address(assets), other));
        vm.prank(ann);
        assets.safeTransferFrom(ann, address(shares), other);
        vm.expectRevert(abi.encodeWithSelector(IShares.NotTheAsset.selector, ann, asset));
        vm.prank(ann);
        shares.onERC721Received(ann, ann, asset, "");
        vm.expectRevert(abi.encodeWithSelector(IShares.BadSupply.selector, 0));
        new Shares("O", "O", 0, other, assets, revenue, address(this));
    }

    function test_collect_isRefusedBeforeThereAreShares() public {
        Shares made = new Shares("O", "O", SUPPLY, _mint(ann, address(0)), assets, revenue, address(this));
        vm.expectRevert(IShares.NotIssued.selector);
        made.collect();
    }

    function test_theControllerSetsTheRoyaltyAndTakesTheListingOut() public {
        _command(abi.encodeCall(shares.setRoyalty, (250)));
        assertEq(assets.terms(asset).royaltyBps, 250);
        vm.expectRevert(abi.encodeWithSelector(IAssets.NotListed.selector, asset));
        vm.prank(address(timelock));
        shares.delist();
    }

    // Income

    function test_collect_dividesProRataAndAcrossTransfers() public {
        _give(owner, ann, 250);
        _earn(1_000);
        assertEq(shares.collect(), 1_000);
        // Given before the transfer: stays ann's.
        _give(ann, ben, 250);
        _earn(400);
        shares.collect();
        assertEq(shares.owedTo(owner), 750 + 300);
        assertEq(shares.owedTo(ann), 250);
        assertEq(shares.owedTo(ben), 100);
        vm.prank(ann);
        assertEq(shares.withdraw(ann), 250);
        vm.prank(ben);
        shares.withdraw(ann);
        assertEq(token.balanceOf(ann), 350);
        assertEq(shares.owedTo(ann), 0);
        vm.expectRevert(abi.encodeWithSelector(IShares.NothingOwed.selector, ann));
        vm.prank(ann);
        shares.withdraw(ann);
    }

    function test_collect_ofNothingChangesNothing() public {
        assertEq(shares.collect(), 0);
        assertEq(shares.owedTo(owner), 0);
    }

    function test_transferToOneself_givesNothing() public {
        _earn(1_000);
        shares.collect();
        _give(owner, owner, SUPPLY);
        assertEq(shares.owedTo(owner), 1_000);
        _give(owner, owner, SUPPLY);
        assertEq(shares.owedTo(owner), 1_000);
    }

    function test_withdraw_refusesRecipientsFromWhichNothingReturns() public {
        _earn(10);
        shares.collect();
        address[4] memory bad = [address(0), address(shares), address(revenue), address(escrow)];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IShares.BadRecipient.selector, bad[i]));
            vm.prank(owner);
            shares.withdraw(bad[i]);
        }
    }

    /// Any transfers between any amounts of income: nobody is owed more than came, and no more than dust is left.
    function testFuzz_collect_neverOwesMoreThanCame(uint256 seed, uint8 steps) public {
        address[3] memory holders = [owner, ann, ben];
        uint256 came;
        for (uint256 i; i < uint256(steps) % 24; ++i) {
            uint256 n = uint256(keccak256(abi.encode(seed, i)));
            if (n % 3 == 0) {
                uint96 amount = uint96((n >> 8) % 10_000 + 1);
                _earn(amount);
                came += shares.collect();
            } else if (n % 3 == 1) {
                address from = holders[(n >> 8) % 3];
                _give(from, holders[(n >> 16) % 3], (n >> 24) % (shares.balanceOf(from) + 1));
            } else {
                address holder = holders[(n >> 8) % 3];
                if (shares.owedTo(holder) > 0) {
                    vm.prank(holder);
                    came -= shares.withdraw(holder);
                }
            }
        }
        uint256 owed = shares.owedTo(owner) + shares.owedTo(ann) + shares.owedTo(ben);
        assertLe(owed, came);
        assertLe(came - owed, 2); // three floors
        assertEq(token.balanceOf(address(shares)), came);
    }

    // Redeem

    function test_redeem_givesTheAssetToWhoHoldsEveryShareAndLosesNoIncome() public {
        _give(owner, ann, 1);
        vm.expectRevert(abi.encodeWithSelector(IShares.NotAllShares.selector, owner, SUPPLY - 1, SUPPLY));
        vm.prank(owner);
        shares.redeem();
        _earn(1_000);
        shares.collect();
        _give(ann, owner, 1);
        _earn(50);
        vm.prank(owner);
        shares.redeem();
        assertEq(assets.ownerOf(asset), owner);
        // What came before is still divided as it was; what was released and not fetched is the redeemer's.
        shares.collect();
        assertEq(shares.owedTo(owner), 999 + 50);
        assertEq(shares.owedTo(ann), 1);
        vm.prank(owner);
        shares.withdraw(owner);
        vm.expectRevert(IShares.NotIssued.selector);
        vm.prank(owner);
        shares.redeem();
    }

    // Control

    function test_control_isTheControllersAlone() public {
        bytes[4] memory calls = [
            abi.encodeCall(shares.setOperator, (key)),
            abi.encodeCall(shares.setRoyalty, (1)),
            abi.encodeCall(shares.setBounds, (1, 2)),
            abi.encodeCall(shares.delist, ())
        ];
        for (uint256 i; i < calls.length; ++i) {
            vm.prank(owner);
            (bool done, bytes memory why) = address(shares).call(calls[i]);
            assertFalse(done);
            assertEq(why, abi.encodeWithSelector(IShares.NotController.selector, owner));
        }
    }

    function _listing(uint96 rate, uint8 kind) internal view returns (IShares.Listing memory l) {
        l.asset = asset;
        l.tenure = 2;
        l.version = 7;
        l.contractDigest = keccak256("contract");
        l.escrow = address(escrow);
        l.endpoints = new string[](2);
        l.endpoints[0] = "grpc://one";
        l.endpoints[1] = "grpc://two";
        l.prices = new IShares.Price[](2);
        l.prices[0] = IShares.Price("a.B/C", 0, "", 0, 0, 0);
        l.prices[1] = IShares.Price("a.B/D", kind, "page", rate, 1, 900);
    }

    function test_publish_isTheOperatorsWithinTheBounds() public {
        _command(abi.encodeCall(shares.setOperator, (key)));
        _command(abi.encodeCall(shares.setBounds, (0, 500)));
        vm.expectRevert(abi.encodeWithSelector(IShares.NotOperator.selector, owner));
        vm.prank(owner);
        shares.publish(_listing(500, 1));
        vm.startPrank(key);
        vm.expectRevert(abi.encodeWithSelector(IShares.PriceOutOfBounds.selector, "a.B/D", 501, 0, 500));
        shares.publish(_listing(501, 1));
        // Metered: what counts is the most that a call may cost.
        vm.expectRevert(abi.encodeWithSelector(IShares.PriceOutOfBounds.selector, "a.B/D", 900, 0, 500));
        shares.publish(_listing(1, 2));
        shares.publish(_listing(500, 1));
        assertEq(assets.head(asset).listingVersion, 7);
        vm.stopPrank();
        _command(abi.encodeCall(shares.setBounds, (1, 500)));
        vm.expectRevert(abi.encodeWithSelector(IShares.PriceOutOfBounds.selector, "a.B/C", 0, 1, 500));
        vm.prank(key);
        shares.publish(_listing(500, 1));
        vm.expectRevert(abi.encodeWithSelector(IShares.BadBounds.selector, 2, 1));
        vm.prank(address(timelock));
        shares.setBounds(2, 1);
    }

    function test_publish_refusesListingsOfOthers() public {
        _command(abi.encodeCall(shares.setOperator, (key)));
        IShares.Listing memory l = _listing(1, 1);
        l.tenure = 1;
        vm.expectRevert(abi.encodeWithSelector(IShares.WrongListing.selector, asset, 1));
        vm.prank(key);
        shares.publish(l);
    }

    /// The reference is PROTOCOL section 1; `contracts/client` holds it against ethers' encoder.
    function test_publish_putsTheListingsOwnDigestInForce() public {
        _command(abi.encodeCall(shares.setOperator, (key)));
        IShares.Listing memory l = _listing(500, 1);
        vm.prank(key);
        shares.publish(l);
        bytes32 priceType =
            keccak256("Price(string method,uint8 kind,string unit,uint96 rate,uint64 per,uint96 maxAmount)");
        bytes memory prices;
        for (uint256 i; i < 2; ++i) {
            IShares.Price memory p = l.prices[i];
            prices = abi.encodePacked(
                prices,
                keccak256(
                    abi.encode(
                        priceType, keccak256(bytes(p.method)), p.kind, keccak256(bytes(p.unit)), p.rate, p.per, p.maxAmount
                    )
                )
            );
        }
        bytes memory head = abi.encode(
            keccak256(
                "Listing(uint64 asset,uint32 tenure,uint24 version,bytes32 previous,bytes32 contractDigest,Price[] prices,string[] endpoints,bytes32 docsDigest,address escrow,uint96 minChannel,uint32 honourSec,uint32 retainSec,uint40 publishedAtSec)Price(string method,uint8 kind,string unit,uint96 rate,uint64 per,uint96 maxAmount)"
            ),
            l.asset,
            l.tenure,
            l.version,
            l.previous,
            l.contractDigest,
            keccak256(prices)
        );
        bytes memory tail = abi.encode(
            keccak256(abi.encodePacked(keccak256("grpc://one"), keccak256("grpc://two"))),
            l.docsDigest,
            l.escrow,
            l.minChannel,
            l.honourSec,
            l.retainSec,
            l.publishedAtSec
        );
        assertEq(assets.head(asset).listing, keccak256(bytes.concat(head, tail)));
    }

    // Votes

    function test_vote_ofTheShareholdersNamesTheOperator() public {
        _give(owner, ann, 400);
        vm.prank(owner);
        shares.delegate(owner);
        vm.prank(ann);
        shares.delegate(ann);
        vm.warp(block.timestamp + 1);
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) = (
            new address[](1), new uint256[](1), new bytes[](1)
        );
        targets[0] = address(shares);
        calls[0] = abi.encodeCall(shares.setOperator, (key));
        vm.prank(owner);
        uint256 id = governor.propose(targets, values, calls, "name an operator");
        vm.warp(block.timestamp + 1 hours + 1);
        vm.prank(owner);
        governor.castVote(id, 1);
        vm.prank(ann);
        governor.castVote(id, 0);
        vm.expectRevert();
        governor.queue(targets, values, calls, keccak256("name an operator"));
        vm.warp(block.timestamp + 3 days);
        governor.queue(targets, values, calls, keccak256("name an operator"));
        vm.expectRevert();
        governor.execute(targets, values, calls, keccak256("name an operator"));
        vm.warp(block.timestamp + 1 days);
        governor.execute(targets, values, calls, keccak256("name an operator"));
        assertEq(assets.head(asset).operator, key);
        assertEq(uint8(governor.state(id)), uint8(IGovernor.ProposalState.Executed));
    }

    function test_vote_withoutQuorumChangesNothing() public {
        _give(owner, ann, 100);
        vm.prank(ann);
        shares.delegate(ann);
        vm.warp(block.timestamp + 1);
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) = (
            new address[](1), new uint256[](1), new bytes[](1)
        );
        targets[0] = address(shares);
        calls[0] = abi.encodeCall(shares.setBounds, (0, 1));
        vm.prank(ann);
        uint256 id = governor.propose(targets, values, calls, "cheap");
        vm.warp(block.timestamp + 1 hours + 1);
        vm.prank(ann);
        governor.castVote(id, 1);
        vm.warp(block.timestamp + 3 days);
        assertEq(uint8(governor.state(id)), uint8(IGovernor.ProposalState.Defeated));
    }
}
