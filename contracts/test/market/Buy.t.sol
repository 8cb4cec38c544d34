// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMarket} from "../../src/interfaces/IMarket.sol";
import {PlainToken} from "../support/HostileTokens.sol";
import {MarketTest} from "../support/MarketTest.sol";
import {Refuser} from "../support/Refuser.sol";
import {IERC20Errors, IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

contract MarketBuy_GivenAnAsset is MarketTest {
    function test_WhenItIsBoughtAtThePriceAsked_ItMovesAssetAndPriceInOneTransaction() public {
        vm.expectEmit(address(market));
        emit IMarket.Asked(asset, 1, _money(), PRICE, _expiry());
        _ask(owner, _money(), PRICE);
        vm.expectEmit(address(market));
        emit IMarket.Sold(asset, owner, buyer.addr, 1, _money(), PRICE, owner, 0);
        _buy(buyer.addr, _deal());
        assertEq(assets.ownerOf(asset), buyer.addr);
        assertEq(token.balanceOf(owner), PRICE);
        assertEq(token.balanceOf(buyer.addr), 10_000 - PRICE);
        assertEq(token.balanceOf(address(market)), 0);
        (, uint96 price,,) = market.asks(asset);
        assertEq(price, 0);
        _expectNoSale(second, _deal(), abi.encodeWithSelector(IMarket.NotForSale.selector, asset));
    }

    function testFuzz_WhenThePriceIsAny_ItDividesItBetweenMakerAndSeller(uint96 price, uint16 saleBps) public {
        price = uint96(bound(price, 1, type(uint96).max));
        saleBps = uint16(bound(saleBps, 0, assets.MAX_SALE_BPS()));
        _sellOn(saleBps);
        token.mint(buyer.addr, price);
        uint256 had = token.balanceOf(buyer.addr);
        uint256 sellerHad = token.balanceOf(second);
        _ask(second, _money(), price);
        _buy(buyer.addr, IMarket.Deal(_money(), price, 2, saleBps));
        uint256 royalty = uint256(price) * saleBps / 10_000;
        assertEq(token.balanceOf(owner), royalty);
        assertEq(token.balanceOf(second), sellerHad + price - royalty);
        assertEq(token.balanceOf(buyer.addr), had - price);
        assertEq(assets.ownerOf(asset), buyer.addr);
    }

    function test_WhenTheBuyerIsTheSeller_ItMovesNoMoney() public {
        _rich(owner);
        _ask(owner, _money(), PRICE);
        _buy(owner, _deal());
        assertEq(token.balanceOf(owner), 10_000);
        assertEq(assets.tenureOf(asset), 2);
    }

    function test_WhenTheBuyerIsAContractThatTakesNoAssets_ItMovesNothing() public {
        Refuser refuser = new Refuser();
        _offer(address(refuser), _money(), PRICE, 0);
        token.mint(address(refuser), PRICE);
        refuser.call(address(token), abi.encodeCall(IERC20.approve, (address(market), PRICE)));
        bytes memory refused = abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(refuser));
        vm.expectRevert(refused);
        _accept(owner, address(refuser), _money(), PRICE);
        _ask(owner, _money(), PRICE);
        _expectNoSale(address(refuser), _deal(), refused);
    }
}

contract MarketBuy_GivenAnAsset_GivenItIsAskedFor is MarketTest {
    function setUp() public override {
        super.setUp();
        _ask(owner, _money(), PRICE);
    }

    function test_WhenTheBuyerDidNotAgreeToTheTerms_ItRefuses() public {
        bytes memory changed =
            abi.encodeWithSelector(IMarket.TermsChanged.selector, asset, address(token), uint256(PRICE), uint256(1));
        IMarket.Deal memory deal = _deal();
        deal.price = PRICE + 1;
        _expectNoSale(buyer.addr, deal, changed);
        deal = _deal();
        deal.tenure = 2;
        _expectNoSale(buyer.addr, deal, changed);
        deal = _deal();
        deal.token = IERC20(address(new PlainToken()));
        _expectNoSale(buyer.addr, deal, changed);
        // An asset that is not there is not for sale for nothing.
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotForSale.selector, 99));
        vm.prank(buyer.addr);
        market.buy(99, IMarket.Deal(IERC20(address(0)), 0, 0, 0));
        // The owner raises the price in front of the buyer.
        _ask(owner, _money(), PRICE * 2);
        changed = abi.encodeWithSelector(
            IMarket.TermsChanged.selector, asset, address(token), uint256(PRICE) * 2, uint256(1)
        );
        _expectNoSale(buyer.addr, _deal(), changed);
    }

    function test_WhenTheSaleRoyaltyWasRaisedInFrontOfTheBuyer_ItRefuses() public {
        _offer(second, _money(), PRICE, 0);
        vm.prank(owner);
        assets.setSaleRoyalty(asset, 1_000);
        bytes memory raised = abi.encodeWithSelector(IMarket.SaleRoyaltyRaised.selector, asset, 1_000, 0);
        _expectNoSale(buyer.addr, _deal(), raised);
        vm.expectRevert(raised);
        _accept(owner, second, _money(), PRICE);
        IMarket.Deal memory deal = _deal();
        deal.saleBps = 999;
        _expectNoSale(buyer.addr, deal, abi.encodeWithSelector(IMarket.SaleRoyaltyRaised.selector, asset, 1_000, 999));
        deal.saleBps = 1_000;
        _buy(buyer.addr, deal);
        // It was his own sale: the royalty is of the next ones.
        assertEq(token.balanceOf(owner), PRICE);
    }

    function test_WhenTheAskHasExpired_ItRefuses() public {
        uint40 end = _expiry();
        vm.warp(end);
        _expectNoSale(buyer.addr, _deal(), abi.encodeWithSelector(IMarket.Expired.selector, asset, end));
        vm.warp(end - 1);
        _buy(buyer.addr, _deal());
        assertEq(assets.ownerOf(asset), buyer.addr);
    }

    function test_WhenTheAssetWasTransferredSince_ItRefuses() public {
        vm.prank(owner);
        assets.transferFrom(owner, second, asset);
        _allow(second);
        bytes memory none = abi.encodeWithSelector(IMarket.NotForSale.selector, asset);
        _expectNoSale(buyer.addr, _deal(), none);
        // Not even when the asset comes back to who asked it.
        vm.prank(second);
        assets.transferFrom(second, owner, asset);
        _expectNoSale(buyer.addr, _deal(), none);
        IMarket.Deal memory deal = _deal();
        deal.tenure = 3;
        _expectNoSale(buyer.addr, deal, none);
    }

    function test_WhenSellerOrBuyerDoNotConsent_ItRefuses() public {
        vm.prank(owner);
        assets.setApprovalForAll(address(market), false);
        _expectNoSale(
            buyer.addr,
            _deal(),
            abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, address(market), asset)
        );
        _allow(owner);
        vm.prank(buyer.addr);
        token.approve(address(market), PRICE - 1);
        _expectNoSale(
            buyer.addr,
            _deal(),
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(market), PRICE - 1, uint256(PRICE)
            )
        );
    }

    function test_WhenTheTokenHasNoCode_ItRefuses() public {
        IMarket.Deal memory deal = _deal();
        deal.token = IERC20(stranger);
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotAContract.selector, stranger));
        vm.prank(buyer.addr);
        market.buyWithPermit(asset, deal, block.timestamp, 27, 0, 0);
    }
}

contract MarketBuy_GivenAnAsset_GivenAPermitForThePrice is MarketTest {
    uint8 internal v;
    bytes32 internal r;
    bytes32 internal s;

    function setUp() public override {
        super.setUp();
        vm.prank(buyer.addr);
        token.approve(address(market), 0);
        _ask(owner, _money(), PRICE);
        (v, r, s) = _signPermit(token, buyer, address(market), PRICE, block.timestamp);
    }

    function test_WhenTheBuyerUsesIt_ItNeedsNoApprovalAndNotToBeFirst() public {
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(market), 0, uint256(PRICE))
        );
        vm.prank(buyer.addr);
        market.buyWithPermit(asset, _deal(), block.timestamp - 1, v, r, s); // expired
        uint256 snapshot = vm.snapshotState();
        vm.prank(buyer.addr);
        market.buyWithPermit(asset, _deal(), block.timestamp, v, r, s);
        assertEq(assets.ownerOf(asset), buyer.addr);
        require(vm.revertToState(snapshot));
        // Somebody uses it first.
        token.permit(buyer.addr, address(market), PRICE, block.timestamp, v, r, s);
        vm.prank(buyer.addr);
        market.buyWithPermit(asset, _deal(), block.timestamp, v, r, s);
        assertEq(assets.ownerOf(asset), buyer.addr);
        assertEq(token.allowance(buyer.addr, address(market)), 0);
    }

    function test_I4_WhenAnotherUsesIt_ItRefuses() public {
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(market), 0, uint256(PRICE))
        );
        vm.prank(stranger);
        market.buyWithPermit(asset, _deal(), block.timestamp, v, r, s);
        assertEq(token.balanceOf(buyer.addr), 10_000);
    }
}
