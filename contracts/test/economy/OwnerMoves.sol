// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAssets} from "../../src/interfaces/IAssets.sol";
import {World} from "./World.sol";

/// Makers and owners of assets, governance, and whoever pays or gives.
abstract contract OwnerMoves is World {
    /// With up to three parents.
    function mint(uint256 who, uint256 parents, uint16 bps) external watched {
        uint64 count = assets.count();
        if (count == MOST_ASSETS) return;
        IAssets.Parent[] memory list = new IAssets.Parent[](parents % 4);
        for (uint256 i; i < list.length; ++i) {
            uint256 least = assets.terms(uint64(i + 1)).royaltyBps;
            uint256 share = least + 1 + bps % 2_000;
            if (share > 3_333) return;
            list[i] = IAssets.Parent(uint48(i + 1), uint16(share));
        }
        uint256 key = _newKey();
        vm.prank(_person(who));
        uint64 asset = assets.mint(vm.addr(key), list, LISTING);
        _operatorKeys[asset][1] = key;
        if (list.length != 0) _did("mint with parents");
    }

    /// The next owner names an operator and lists, mostly.
    function transfer(uint256 asset, uint256 to, uint256 how) external watched {
        uint64 a = _asset(asset);
        address from = assets.ownerOf(a);
        if (assets.tenureOf(a) == MOST_TENURES || from == address(shares)) return;
        vm.prank(from);
        assets.transferFrom(from, _person(to), a);
        _settleIn(a, how);
        _did("transfer");
    }

    function _settleIn(uint64 asset, uint256 how) internal {
        if (how % 4 == 0) return;
        _nameOperator(asset);
        vm.prank(assets.ownerOf(asset));
        assets.publish(asset, LISTING, 1);
    }

    /// Another operator, or none.
    function setOperator(uint256 asset, uint256 how) external watched {
        uint64 a = _asset(asset);
        uint32 tenure = assets.tenureOf(a);
        if (how % 4 != 0) return _nameOperator(a);
        address owner = assets.ownerOf(a);
        if (_operatorKeys[a][tenure] == 0 || owner == address(shares)) return;
        vm.prank(owner);
        assets.setOperator(a, address(0));
        _operatorKeys[a][tenure] = 0;
    }

    function setRoyalty(uint256 asset, uint16 bps) external watched {
        uint64 a = _asset(asset);
        address owner = assets.ownerOf(a);
        if (owner == address(shares)) return;
        vm.prank(owner);
        assets.setRoyalty(a, bps % 3_000);
        _did("setRoyalty");
    }

    function setFee(uint16 bps) external watched {
        vm.prank(GOVERNANCE);
        revenue.setFee(bps % 501, TREASURY);
        _did("setFee");
    }

    /// By anybody.
    function release(uint256 asset, uint256 tenure) external watched {
        uint64 a = _asset(asset);
        uint32 t = _tenure(a, tenure);
        uint256 waiting = _expectRelease(a, t);
        vm.prank(STRANGER);
        revenue.release(a, t);
        if (waiting != 0) _did("release");
        require(revenue.release(a, t) == 0, "released twice");
    }

    function payIn(uint256 who, uint256 asset, uint256 tenure, uint96 amount) external watched {
        uint64 a = _asset(asset);
        uint32 t = _tenure(a, tenure);
        amount = amount % 1e24;
        _pay(_person(who), assets.ownerAt(a, t), amount);
        _expectSplit(a, t, amount);
        vm.prank(_person(who));
        revenue.pay(a, t, amount);
        _did("payIn");
    }

    function takeRevenue(uint256 who, uint256 toWhom, uint256 amount) external watched {
        address person = who % 5 == 4 ? TREASURY : _person(who);
        amount = amount % (revenue.balances(person) + 1);
        vm.prank(person);
        revenue.withdraw(amount, _person(toWhom));
        _pay(person, _person(toWhom), amount);
        if (amount != 0) _did(person == TREASURY ? bytes32("the fee is taken") : bytes32("takeRevenue"));
    }

    function anchorEpoch(uint256 asset, uint256 tenure, uint96 amount, bytes32 root) external watched {
        uint64 a = _asset(asset);
        uint32 t = _tenure(a, tenure);
        uint256 key = _operatorKeys[a][t];
        if (key == 0 || root == 0) return;
        uint64 next = anchor.epochs(a, t) + 1;
        vm.prank(vm.addr(key));
        anchor.anchor(a, t, next, root, 1, amount);
        require(anchor.epochs(a, t) == next && anchor.epoch(a, t, next).root == root, "an epoch is another");
        _did("anchor");
    }

    function give(uint256 where, uint64 amount) external watched {
        address[7] memory contracts = [
            address(escrow),
            address(revenue),
            address(licences),
            address(jobs),
            address(market),
            address(anchor),
            address(shares)
        ];
        address to = contracts[where % 7];
        token.mint(to, amount);
        gifts[to] += amount;
        given += amount;
        if (to == address(shares)) owed[ACCOUNTS - 1] += int256(uint256(amount));
        _did("give");
    }

    function wait(uint24 sec, uint256 how) external watched {
        vm.warp(block.timestamp + (how % 2 == 0 ? uint256(sec) : sec / 16));
        _did("wait");
    }
}
