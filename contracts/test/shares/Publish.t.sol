// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IShares} from "../../src/interfaces/IShares.sol";
import {SharesTest} from "../support/SharesTest.sol";

contract SharesPublish_GivenAnOperator is SharesTest {
    function setUp() public override {
        super.setUp();
        _command(abi.encodeCall(shares.setOperator, (key)));
    }

    function _listing(uint96 rate, uint8 kind) internal view returns (IShares.Listing memory l) {
        l.asset = asset;
        l.tenure = 2;
        l.version = 7;
        l.previous = keccak256("version 6");
        l.contractDigest = keccak256("contract");
        l.docsDigest = keccak256("docs");
        l.escrow = address(escrow);
        l.minChannel = 1_000;
        l.honourSec = 2 days;
        l.retainSec = 3 days;
        l.publishedAtSec = uint40(block.timestamp);
        l.endpoints = new string[](2);
        l.endpoints[0] = "grpc://one";
        l.endpoints[1] = "grpc://two";
        l.prices = new IShares.Price[](2);
        l.prices[0] = IShares.Price("a.B/C", 0, "", 0, 0, 0);
        l.prices[1] = IShares.Price("a.B/D", kind, "page", rate, 1, 900);
    }

    function test_WhenAListingIsPublished_ItIsForTheOperatorToPublishAndWithinTheBounds() public {
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

    function test_WhenTheListingIsOfAnother_ItRefuses() public {
        IShares.Listing memory l = _listing(1, 1);
        l.tenure = 1;
        vm.expectRevert(abi.encodeWithSelector(IShares.WrongListing.selector, asset, 1));
        vm.prank(key);
        shares.publish(l);
    }

    /// The reference is PROTOCOL section 1; `contracts/client` holds it against ethers' encoder.
    function test_WhenTheListingIsItsOwn_ItPutsItsDigestInForce() public {
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
                        priceType,
                        keccak256(bytes(p.method)),
                        p.kind,
                        keccak256(bytes(p.unit)),
                        p.rate,
                        p.per,
                        p.maxAmount
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
}
