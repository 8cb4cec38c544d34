// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMarket} from "../../src/interfaces/IMarket.sol";
import {
    BlockingToken,
    FalseToken,
    FeeToken,
    HookToken,
    LyingToken,
    NoReturnToken,
    PlainToken
} from "../support/HostileTokens.sol";
import {MarketTest} from "../support/MarketTest.sol";
import {Refuser} from "../support/Refuser.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

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

contract MarketHostileTokens_GivenTokensThatMisbehave is MarketTest {
    function _hostile(PlainToken bad, address who) internal returns (IERC20) {
        bad.mint(who, 10_000);
        vm.prank(who);
        bad.approve(address(market), type(uint256).max);
        return IERC20(address(bad));
    }

    function test_T12_WhenATokenKeepsAPartOfThePrice_ItRefuses() public {
        IERC20 fee = _hostile(new FeeToken(), buyer.addr);
        _ask(owner, fee, PRICE);
        bytes memory unpaid = abi.encodeWithSelector(IMarket.PriceNotPaid.selector, address(fee), 900, uint256(PRICE));
        _expectNoSale(buyer.addr, IMarket.Deal(fee, PRICE, 1, 0), unpaid);
    }

    function test_T14_WhenATokenSaysFalseOrLies_ItRefuses() public {
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

    function test_T14_WhenATokenAnswersNothing_ItWorks() public {
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

    function test_T13_WhenATokenBlocksTheMaker_ItStopsSalesInThatTokenOnly() public {
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

    function test_T11_WhenABuyerReenters_ItLetsHimGainNothing() public {
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

    function test_T11_WhenASellerSellsTwiceAtOnce_ItSellsOnce() public {
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

    function test_T11_WhenASellerGivesThePriceOnAtOnce_ItSaysThatItDidNotArrive() public {
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
