// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// Anyone may mint, like the test token.
contract PlainToken is ERC20("Hostile", "HOST") {
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

/// Keeps a tenth of every transfer.
contract FeeToken is PlainToken {
    function _update(address from, address to, uint256 value) internal override {
        if (from == address(0)) return super._update(from, to, value);
        super._update(from, to, value - value / 10);
        super._update(from, address(0xFEE), value / 10);
    }
}

/// Calls whoever sends and receives, before and after, like ERC-777.
contract HookToken is PlainToken {
    mapping(address => bool) public hooked;

    function hook(bool on) external {
        hooked[msg.sender] = on;
    }

    function _update(address from, address to, uint256 value) internal override {
        if (hooked[from]) IHooked(from).onToken();
        super._update(from, to, value);
        if (hooked[to]) IHooked(to).onToken();
    }
}

interface IHooked {
    function onToken() external;
}

/// A holder that calls back whenever the token lets it.
contract Reentrant is IHooked {
    bytes internal attack;
    address internal target;
    bool internal done;
    bool public succeeded;
    bytes public answer;

    constructor(HookToken token, address spender) {
        token.hook(true);
        token.approve(spender, type(uint256).max);
    }

    function arm(address target_, bytes calldata attack_) external {
        (target, attack, done, succeeded) = (target_, attack_, false, false);
    }

    function call(address to, bytes calldata data) external {
        (bool ok, bytes memory why) = to.call(data);
        require(ok, string(why));
    }

    function onToken() external {
        if (done || target == address(0)) return;
        done = true;
        (succeeded, answer) = target.call(attack);
    }
}

/// Says false instead of reverting.
contract FalseToken is PlainToken {
    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return false;
    }

    function transfer(address, uint256) public pure override returns (bool) {
        return false;
    }
}

/// Moves nothing and says true.
contract LyingToken is PlainToken {
    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return true;
    }
}

/// Refuses listed addresses, as some stablecoins do.
contract BlockingToken is PlainToken {
    mapping(address => bool) public blocked;

    function setBlocked(address who, bool on) external {
        blocked[who] = on;
    }

    function _update(address from, address to, uint256 value) internal override {
        require(!blocked[from] && !blocked[to], "blocked");
        super._update(from, to, value);
    }
}

/// A minimal token of its own; what it answers is up to its heirs.
abstract contract OddToken {
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        allowance[msg.sender][spender] = amount;
    }

    function _spend(address from, address to, uint256 amount) internal {
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) internal {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// Answers nothing at all.
contract NoReturnToken is OddToken {
    function transfer(address to, uint256 amount) external {
        _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external {
        _spend(from, to, amount);
    }
}

/// Answers 64 bytes, the first 32 of them true.
contract LongReturnToken is OddToken {
    function transfer(address to, uint256 amount) external returns (bool, uint256) {
        _move(msg.sender, to, amount);
        return (true, 7);
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool, uint256) {
        _spend(from, to, amount);
        return (true, 7);
    }
}

/// Halves everybody's balance when told to.
contract RebasingToken is PlainToken {
    uint256 public divisor = 1;

    function rebase() external {
        divisor *= 2;
    }

    function balanceOf(address who) public view override returns (uint256) {
        return super.balanceOf(who) / divisor;
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value * divisor);
    }
}
