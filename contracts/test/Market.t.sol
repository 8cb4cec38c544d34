// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../src/Escrow.sol";
import {Market} from "../src/Market.sol";
import {Portion} from "../src/Portion.sol";
import {IAssets} from "../src/interfaces/IAssets.sol";
import {IEscrow} from "../src/interfaces/IEscrow.sol";
import {IMarket} from "../src/interfaces/IMarket.sol";
import {IRevenue} from "../src/interfaces/IRevenue.sol";
import {
    BlockingToken,
    FalseToken,
    FeeToken,
    HookToken,
    LyingToken,
    NoReturnToken,
    PlainToken
} from "./support/HostileTokens.sol";
import {WeftTest} from "./support/WeftTest.sol";
import {IERC20Errors, IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Vm} from "forge-std/Vm.sol";

/// Takes no assets, since it says nothing about them.
contract Refuser {
    function call(address to, bytes calldata data) external {
        (bool ok, bytes memory why) = to.call(data);
        require(ok, string(why));
    }
}

/// A buyer that calls the market in the middle of a sale: when the token moves, and when the asset arrives.
contract Greedy is Refuser {
    address internal market;
    bytes internal attack;
    bool internal done;
    bool public succeeded;
    bytes public answer;

    constructor(HookToken token, address market_) {
        market = market_;
        token.hook(true);
        token.approve(market_, type(uint256).max);
    }

    function arm(bytes calldata attack_) external {
        (attack, done, succeeded) = (attack_, false, false);
    }

    function onToken() external {
        _try();
    }

    function onERC721Received(address, address, uint256, bytes calldata) external returns (bytes4) {
        _try();
        return this.onERC721Received.selector;
    }

    function _try() private {
        if (done || attack.length == 0) return;
        done = true;
        (succeeded, answer) = market.call(attack);
    }
}

/// A seller that gives on whatever it gets, at once.
contract Spender is Refuser {
    HookToken internal token;
    bool internal armed;

    constructor(HookToken token_) {
        token = token_;
        token.hook(true);
    }

    function arm() external {
        armed = true;
    }

    function onToken() external {
        if (!armed) return;
        armed = false;
        require(token.transfer(address(0xDEAD), token.balanceOf(address(this))));
    }

    function onERC721Received(address, address, uint256, bytes calldata) external pure returns (bytes4) {
        return this.onERC721Received.selector;
    }
}

/// Given an asset that its maker may sell, when it is asked for, bought, offered for and given.
contract MarketTest is WeftTest {
    uint96 internal constant PRICE = 1_000;

    Market internal market;
    Vm.Wallet internal buyer;
    address internal second = makeAddr("a second owner");

    function setUp() public override {
        super.setUp();
        market = new Market(assets, revenue);
        buyer = vm.createWallet("buyer");
        _allow(owner);
        _rich(buyer.addr);
        _rich(second);
    }

    function _allow(address seller) internal {
        vm.prank(seller);
        assets.setApprovalForAll(address(market), true);
    }

    function _rich(address who) internal {
        token.mint(who, 10_000);
        vm.prank(who);
        token.approve(address(market), type(uint256).max);
    }

    function _money() internal view returns (IERC20) {
        return IERC20(address(token));
    }

    function _ask(address seller, IERC20 money, uint96 price) internal {
        vm.prank(seller);
        market.ask(asset, money, price, _expiry());
    }

    function _deal() internal view returns (IMarket.Deal memory) {
        return IMarket.Deal(_money(), PRICE, 1, 0);
    }

    function _buy(address who, IMarket.Deal memory deal) internal {
        vm.prank(who);
        market.buy(asset, deal);
    }

    function _offer(address who, IERC20 money, uint96 price, uint16 saleBps) internal {
        vm.prank(who);
        market.offer(asset, money, price, saleBps, _expiry());
    }

    function _accept(address seller, address who, IERC20 money, uint96 price) internal {
        vm.prank(seller);
        market.accept(asset, who, money, price);
    }

    /// The asset is the second owner's, and its maker gets a tenth whenever it is sold.
    function _sellOn(uint16 saleBps) internal {
        vm.startPrank(owner);
        assets.setSaleRoyalty(asset, saleBps);
        assets.transferFrom(owner, second, asset);
        vm.stopPrank();
        _allow(second);
    }

    /// The sale fails for this reason; asset, ask and money stay where they were.
    function _expectNoSale(address who, IMarket.Deal memory deal, bytes memory reason) internal {
        address before = assets.ownerOf(asset);
        uint256 money = token.balanceOf(who);
        vm.expectRevert(reason);
        _buy(who, deal);
        assertEq(assets.ownerOf(asset), before);
        assertEq(token.balanceOf(who), money);
    }

    // At the price asked

    function test_buy_movesAssetAndPriceInOneTransaction() public {
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

    function testFuzz_buy_dividesEveryPriceBetweenMakerAndSeller(uint96 price, uint16 saleBps) public {
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

    function test_ask_isTheOwnersAndOfSomething() public {
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotOwner.selector, asset, stranger));
        _ask(stranger, _money(), PRICE);
        vm.expectRevert(abi.encodeWithSelector(IMarket.ZeroPrice.selector, asset));
        _ask(owner, _money(), 0);
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotAContract.selector, stranger));
        _ask(owner, IERC20(stranger), PRICE);
        vm.expectRevert(abi.encodeWithSelector(IMarket.Expired.selector, asset, block.timestamp));
        vm.prank(owner);
        market.ask(asset, _money(), PRICE, uint40(block.timestamp));
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 99));
        vm.prank(owner);
        market.ask(99, _money(), PRICE, _expiry());
    }

    function test_withdrawAsk_endsIt() public {
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotForSale.selector, asset));
        vm.prank(owner);
        market.withdrawAsk(asset);
        _ask(owner, _money(), PRICE);
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotOwner.selector, asset, stranger));
        vm.prank(stranger);
        market.withdrawAsk(asset);
        vm.expectEmit(address(market));
        emit IMarket.AskWithdrawn(asset);
        vm.prank(owner);
        market.withdrawAsk(asset);
        _expectNoSale(buyer.addr, _deal(), abi.encodeWithSelector(IMarket.NotForSale.selector, asset));
    }

    function test_buy_refusesWhatTheBuyerDidNotAgreeTo() public {
        _ask(owner, _money(), PRICE);
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

    function test_buy_refusesASaleRoyaltyRaisedInFrontOfTheBuyer() public {
        _ask(owner, _money(), PRICE);
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

    function test_buy_endsAtTheSecondOfExpiry() public {
        _ask(owner, _money(), PRICE);
        uint40 end = _expiry();
        vm.warp(end);
        _expectNoSale(buyer.addr, _deal(), abi.encodeWithSelector(IMarket.Expired.selector, asset, end));
        vm.warp(end - 1);
        _buy(buyer.addr, _deal());
        assertEq(assets.ownerOf(asset), buyer.addr);
    }

    function test_buy_refusesWhatWasAskedBeforeATransfer() public {
        _ask(owner, _money(), PRICE);
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

    function test_buy_needsTheSellersAndTheBuyersConsent() public {
        _ask(owner, _money(), PRICE);
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

    // With a permit

    function _permit(uint256 deadlineSec) internal view returns (uint8 v, bytes32 r, bytes32 s) {
        return _signPermit(token, buyer, address(market), PRICE, deadlineSec);
    }

    function test_buyWithPermit_needsNoApprovalAndNoFirstUse() public {
        vm.prank(buyer.addr);
        token.approve(address(market), 0);
        _ask(owner, _money(), PRICE);
        (uint8 v, bytes32 r, bytes32 s) = _permit(block.timestamp);
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

    function test_I4_buyWithPermit_spendsNobodyElses() public {
        vm.prank(buyer.addr);
        token.approve(address(market), 0);
        _ask(owner, _money(), PRICE);
        (uint8 v, bytes32 r, bytes32 s) = _permit(block.timestamp);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(market), 0, uint256(PRICE))
        );
        vm.prank(stranger);
        market.buyWithPermit(asset, _deal(), block.timestamp, v, r, s);
        assertEq(token.balanceOf(buyer.addr), 10_000);
    }

    function test_buyWithPermit_refusesATokenWithoutCode() public {
        _ask(owner, _money(), PRICE);
        IMarket.Deal memory deal = _deal();
        deal.token = IERC20(stranger);
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotAContract.selector, stranger));
        vm.prank(buyer.addr);
        market.buyWithPermit(asset, deal, block.timestamp, 27, 0, 0);
    }

    // By offer

    function test_accept_sellsToWhoOffered() public {
        vm.expectEmit(address(market));
        emit IMarket.Offered(asset, buyer.addr, _money(), 1, PRICE, 0, _expiry());
        _offer(buyer.addr, _money(), PRICE, 0);
        vm.expectEmit(address(market));
        emit IMarket.Sold(asset, owner, buyer.addr, 1, _money(), PRICE, owner, 0);
        _accept(owner, buyer.addr, _money(), PRICE);
        assertEq(assets.ownerOf(asset), buyer.addr);
        assertEq(token.balanceOf(owner), PRICE);
        (uint96 left,,,) = market.offers(asset, buyer.addr, _money());
        assertEq(left, 0);
        // Once.
        _allow(buyer.addr);
        vm.expectRevert(abi.encodeWithSelector(IMarket.NoOffer.selector, asset, buyer.addr, address(token)));
        _accept(buyer.addr, buyer.addr, _money(), PRICE);
    }

    function test_I4_accept_isTheOwnersAndTakesOnlyFromWhoOffered() public {
        _offer(buyer.addr, _money(), PRICE, 0);
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotOwner.selector, asset, stranger));
        _accept(stranger, buyer.addr, _money(), PRICE);
        // The second owner lets the market move his money too, and offered nothing.
        vm.expectRevert(abi.encodeWithSelector(IMarket.NoOffer.selector, asset, second, address(token)));
        _accept(owner, second, _money(), PRICE);
        vm.expectRevert(abi.encodeWithSelector(IMarket.NoOffer.selector, asset, second, address(token)));
        _accept(owner, second, _money(), 0);
        // Another asset of the same seller's.
        uint64 other = _mint(owner, address(0));
        vm.expectRevert(abi.encodeWithSelector(IMarket.NoOffer.selector, other, buyer.addr, address(token)));
        vm.prank(owner);
        market.accept(other, buyer.addr, _money(), PRICE);
    }

    function test_accept_refusesWhatTheSellerDidNotAgreeTo() public {
        _offer(buyer.addr, _money(), PRICE, 0);
        // The buyer lowers it in front of the seller.
        _offer(buyer.addr, _money(), 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IMarket.TermsChanged.selector, asset, address(token), 1, 1));
        _accept(owner, buyer.addr, _money(), PRICE);
        assertEq(assets.ownerOf(asset), owner);
    }

    function test_accept_endsAtExpiryWithdrawalAndTransfer() public {
        _offer(buyer.addr, _money(), PRICE, 0);
        uint40 end = _expiry();
        vm.warp(end);
        vm.expectRevert(abi.encodeWithSelector(IMarket.Expired.selector, asset, end));
        _accept(owner, buyer.addr, _money(), PRICE);
        _offer(buyer.addr, _money(), PRICE, 0);
        bytes memory none = abi.encodeWithSelector(IMarket.NoOffer.selector, asset, buyer.addr, address(token));
        vm.startPrank(buyer.addr);
        vm.expectEmit(address(market));
        emit IMarket.OfferWithdrawn(asset, buyer.addr, _money());
        market.withdrawOffer(asset, _money());
        vm.expectRevert(none);
        market.withdrawOffer(asset, _money());
        vm.stopPrank();
        vm.expectRevert(none);
        _accept(owner, buyer.addr, _money(), PRICE);
        _offer(buyer.addr, _money(), PRICE, 0);
        vm.prank(owner);
        assets.transferFrom(owner, second, asset);
        _allow(second);
        vm.expectRevert(none);
        _accept(second, buyer.addr, _money(), PRICE);
    }

    function test_offer_isOfSomethingForAnAssetThatIs() public {
        vm.startPrank(buyer.addr);
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotForSale.selector, 99));
        market.offer(99, _money(), PRICE, 0, _expiry());
        vm.expectRevert(abi.encodeWithSelector(IMarket.ZeroPrice.selector, asset));
        market.offer(asset, _money(), 0, 0, _expiry());
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotAContract.selector, stranger));
        market.offer(asset, IERC20(stranger), PRICE, 0, _expiry());
        vm.expectRevert(abi.encodeWithSelector(IMarket.Expired.selector, asset, block.timestamp));
        market.offer(asset, _money(), PRICE, 0, uint40(block.timestamp));
    }

    // Royalty of the sale (ERC-2981)

    function test_accept_paysTheMakerHisShareOfThePrice() public {
        _sellOn(1_000);
        _offer(buyer.addr, _money(), 999, 1_000);
        vm.expectEmit(address(market));
        emit IMarket.Sold(asset, second, buyer.addr, 2, _money(), 999, owner, 99);
        _accept(second, buyer.addr, _money(), 999);
        assertEq(token.balanceOf(owner), 99);
        assertEq(token.balanceOf(second), 10_000 + 900);
    }

    function test_buy_byItsMakerCostsHimThePriceLessHisShare() public {
        _sellOn(1_000);
        _rich(owner);
        _ask(second, _money(), PRICE);
        _buy(owner, IMarket.Deal(_money(), PRICE, 2, 1_000));
        assertEq(assets.ownerOf(asset), owner);
        assertEq(token.balanceOf(owner), 10_000 - 900);
        assertEq(token.balanceOf(second), 10_000 + 900);
        // And sold again by him, in a later tenure, it is his price whole.
        _ask(owner, _money(), PRICE);
        vm.expectEmit(address(market));
        emit IMarket.Sold(asset, owner, buyer.addr, 3, _money(), PRICE, owner, 0);
        _buy(buyer.addr, IMarket.Deal(_money(), PRICE, 3, 1_000));
        assertEq(token.balanceOf(owner), 10_000 - 900 + PRICE);
    }

    function test_buy_byTheSellerHimselfMovesNoMoney() public {
        _rich(owner);
        _ask(owner, _money(), PRICE);
        _buy(owner, _deal());
        assertEq(token.balanceOf(owner), 10_000);
        assertEq(assets.tenureOf(asset), 2);
    }

    // Income and listing around a sale

    function _earn(uint32 tenure, address by, uint64 amount) internal {
        IEscrow.Terms memory t = IEscrow.Terms(payer, signer.addr, asset, tenure, amount);
        _open(t, amount);
        IEscrow.Claim[] memory claims = _one(_claimOf(t, amount));
        vm.prank(by);
        escrow.claim(claims);
    }

    function test_sale_endsWhatTheOldOwnerMayDoAndKeepsWhatHeEarned() public {
        vm.prank(owner);
        assets.publish(asset, keccak256("listing"), 1);
        IEscrow.Terms memory late = IEscrow.Terms(payer, signer.addr, asset, 1, 77);
        _open(late, 50);
        _earn(1, operator.addr, 300);
        _ask(owner, _money(), PRICE);
        vm.expectEmit(address(revenue));
        emit IRevenue.Released(asset, 1, owner, 300, 300, 0, new Portion[](0));
        _buy(buyer.addr, _deal());
        assertEq(revenue.balances(owner), 300);
        // Neither publish …
        assertEq(assets.head(asset).listing, bytes32(0));
        vm.startPrank(owner);
        bytes memory notOwner = abi.encodeWithSelector(IAssets.NotOwner.selector, asset, owner);
        vm.expectRevert(notOwner);
        assets.publish(asset, keccak256("again"), 2);
        vm.expectRevert(notOwner);
        assets.setOperator(asset, address(0xBAD));
        vm.stopPrank();
        // … nor collect what is earned later, nor sign for it …
        vm.prank(buyer.addr);
        assets.setOperator(asset, address(0xB0B));
        _earn(2, address(0xB0B), 70);
        assertFalse(assets.actsFor(asset, 2, owner));
        assertFalse(assets.actsFor(asset, 2, operator.addr));
        revenue.release(asset, 2);
        assertEq(revenue.balances(buyer.addr), 70);
        // … but what was earned in his tenure stays his, claimed before or after, and he takes it out.
        _claim(late, 50);
        revenue.release(asset, 1);
        assertEq(revenue.balances(owner), 350);
        vm.prank(owner);
        revenue.withdraw(350, owner);
        assertEq(token.balanceOf(owner), PRICE + 350);
    }

    function test_T13_sale_isNotStoppedByATokenThatBlocksTheEscrow() public {
        BlockingToken blocking = new BlockingToken();
        escrow = new Escrow(IERC20(address(blocking)), assets, WINDOW, governance);
        revenue = escrow.revenue();
        market = new Market(assets, revenue);
        _allow(owner);
        _rich(buyer.addr);
        blocking.mint(payer, 300);
        vm.startPrank(payer);
        blocking.approve(address(escrow), 300);
        escrow.deposit(300);
        vm.stopPrank();
        _earn(1, operator.addr, 300);
        blocking.setBlocked(address(escrow), true);
        _ask(owner, _money(), PRICE);
        _buy(buyer.addr, _deal());
        assertEq(assets.ownerOf(asset), buyer.addr);
        assertEq(revenue.balances(owner), 300);
    }

    /// Whatever makes a release fail.
    function test_T13_sale_isNotStoppedByAReleaseThatFails() public {
        _earn(1, operator.addr, 300);
        _ask(owner, _money(), PRICE);
        vm.mockCallRevert(address(revenue), abi.encodeCall(IRevenue.release, (asset, 1)), "no");
        _buy(buyer.addr, _deal());
        vm.clearMockedCalls();
        assertEq(assets.ownerOf(asset), buyer.addr);
        revenue.release(asset, 1);
        assertEq(revenue.balances(owner), 300);
    }

    // Buyers that are contracts

    function test_buy_byAContractThatTakesNoAssetsMovesNothing() public {
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

    // Tokens that misbehave

    function _hostile(PlainToken bad, address who) internal returns (IERC20) {
        bad.mint(who, 10_000);
        vm.prank(who);
        bad.approve(address(market), type(uint256).max);
        return IERC20(address(bad));
    }

    function test_T12_buy_refusesATokenThatKeepsAPartOfThePrice() public {
        IERC20 fee = _hostile(new FeeToken(), buyer.addr);
        _ask(owner, fee, PRICE);
        bytes memory unpaid = abi.encodeWithSelector(IMarket.PriceNotPaid.selector, address(fee), 900, uint256(PRICE));
        _expectNoSale(buyer.addr, IMarket.Deal(fee, PRICE, 1, 0), unpaid);
    }

    function test_T14_buy_refusesTokensThatSayFalseOrLie() public {
        IERC20 no = _hostile(new FalseToken(), buyer.addr);
        _ask(owner, no, PRICE);
        _expectNoSale(
            buyer.addr,
            IMarket.Deal(no, PRICE, 1, 0),
            abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(no))
        );
        IERC20 lie = _hostile(new LyingToken(), buyer.addr);
        _offer(buyer.addr, lie, PRICE, 0);
        vm.expectRevert(abi.encodeWithSelector(IMarket.PriceNotPaid.selector, address(lie), 0, uint256(PRICE)));
        _accept(owner, buyer.addr, lie, PRICE);
    }

    function test_T14_buy_takesATokenThatAnswersNothing() public {
        NoReturnToken silent = new NoReturnToken();
        silent.mint(buyer.addr, PRICE);
        vm.prank(buyer.addr);
        silent.approve(address(market), PRICE);
        IERC20 money = IERC20(address(silent));
        _ask(owner, money, PRICE);
        _buy(buyer.addr, IMarket.Deal(money, PRICE, 1, 0));
        assertEq(silent.balanceOf(owner), PRICE);
        assertEq(assets.ownerOf(asset), buyer.addr);
    }

    function test_T13_aMakerWhomATokenBlocksStopsSalesInThatTokenOnly() public {
        _sellOn(1_000);
        BlockingToken blocking = new BlockingToken();
        IERC20 money = _hostile(blocking, buyer.addr);
        blocking.setBlocked(owner, true);
        _ask(second, money, PRICE);
        _expectNoSale(
            buyer.addr, IMarket.Deal(money, PRICE, 2, 1_000), abi.encodeWithSignature("Error(string)", "blocked")
        );
        assertEq(blocking.balanceOf(second), 0);
        _ask(second, _money(), PRICE);
        _buy(buyer.addr, IMarket.Deal(_money(), PRICE, 2, 1_000));
        assertEq(assets.ownerOf(asset), buyer.addr);
    }

    function test_T11_aBuyerThatReentersGainsNothing() public {
        HookToken hooks = new HookToken();
        Greedy greedy = new Greedy(hooks, address(market));
        hooks.mint(address(greedy), 10_000);
        IERC20 money = IERC20(address(hooks));
        uint64 other = _mint(owner, address(0));
        vm.prank(owner);
        market.ask(other, money, 1, _expiry());
        _ask(owner, money, PRICE);
        IMarket.Deal memory deal = IMarket.Deal(money, PRICE, 1, 0);
        greedy.arm(abi.encodeCall(IMarket.buy, (other, IMarket.Deal(money, 1, 1, 0))));
        greedy.call(address(market), abi.encodeCall(IMarket.buy, (asset, deal)));
        assertFalse(greedy.succeeded());
        assertEq(bytes4(greedy.answer()), ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        assertEq(assets.ownerOf(asset), address(greedy));
        assertEq(hooks.balanceOf(owner), PRICE);
        assertEq(assets.ownerOf(other), owner);
    }

    function test_T11_aSellerThatSellsTwiceAtOnceSellsOnce() public {
        HookToken hooks = new HookToken();
        Greedy greedy = new Greedy(hooks, address(market));
        vm.prank(owner);
        assets.transferFrom(owner, address(greedy), asset);
        _allow(address(greedy));
        IERC20 money = _hostile(hooks, buyer.addr);
        _hostile(hooks, second);
        _ask(address(greedy), money, PRICE);
        _offer(second, money, PRICE, 0);
        greedy.arm(abi.encodeCall(IMarket.accept, (asset, second, money, PRICE)));
        _buy(buyer.addr, IMarket.Deal(money, PRICE, 2, 0));
        assertFalse(greedy.succeeded());
        assertEq(bytes4(greedy.answer()), ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        assertEq(assets.ownerOf(asset), buyer.addr);
        assertEq(hooks.balanceOf(second), 10_000);
    }

    function test_T11_aSellerThatGivesThePriceOnAtOnceIsToldThatItDidNotArrive() public {
        HookToken hooks = new HookToken();
        Spender spender = new Spender(hooks);
        vm.prank(owner);
        assets.transferFrom(owner, address(spender), asset);
        _allow(address(spender));
        IERC20 money = _hostile(hooks, buyer.addr);
        hooks.mint(address(spender), 5);
        spender.arm();
        _ask(address(spender), money, PRICE);
        _expectNoSale(
            buyer.addr,
            IMarket.Deal(money, PRICE, 2, 0),
            abi.encodeWithSelector(IMarket.PriceNotPaid.selector, address(hooks), 0, uint256(PRICE))
        );
    }
}

