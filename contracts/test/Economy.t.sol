// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Economy} from "./economy/Economy.sol";
import {Test} from "forge-std/Test.sol";

/// Given all contracts together, whatever four people, their shareholders' contract and a stranger do, in whatever order.
contract Economy_GivenAllContractsTogether is Test {
    Economy internal economy;
    bytes32[] private _names;
    mapping(bytes32 => uint256) private _reached;

    function setUp() public {
        _names = [
            bytes32("accept"),
            "anchor",
            "ask",
            "buy",
            "buy an asset",
            "buy, refundable",
            "claim",
            "claim for a sold tenure",
            "claimPayment",
            "claimRefund",
            "close",
            "collectForShares",
            "complete",
            "complete in part",
            "deposit",
            "excluded",
            "extend",
            "fee",
            "fund",
            "give",
            "giveShares",
            "giveUp",
            "mint with parents",
            "open",
            "payIn",
            "push",
            "reclaim",
            "reclaim a pass",
            "redeem",
            "refund",
            "reject",
            "release",
            "renew",
            "revoke",
            "royalty",
            "sale royalty",
            "seal",
            "setFee",
            "setRoyalty",
            "setSaleRoyalty",
            "submit",
            "takeFromShares",
            "takeLicenceRefund",
            "takeRefund",
            "takeRevenue",
            "the fee is taken",
            "topUp",
            "transfer",
            "transfer a licence",
            "trespass",
            "trespass a claim",
            "trespass a use",
            "use",
            "wait",
            "withdraw"
        ];
        economy = new Economy();
        targetContract(address(economy));
        bytes4[] memory moves = _moves();
        targetSelector(FuzzSelector(address(economy), moves));
    }

    function _moves() internal view returns (bytes4[] memory moves) {
        moves = new bytes4[](55);
        uint256 n;
        moves[n++] = economy.deposit.selector;
        moves[n++] = economy.withdraw.selector;
        moves[n++] = economy.open.selector;
        moves[n++] = economy.topUp.selector;
        moves[n++] = economy.extend.selector;
        moves[n++] = economy.claim.selector;
        moves[n++] = economy.close.selector;
        moves[n++] = economy.giveUp.selector;
        moves[n++] = economy.reclaim.selector;
        moves[n++] = economy.mint.selector;
        moves[n++] = economy.transfer.selector;
        moves[n++] = economy.setOperator.selector;
        moves[n++] = economy.setRoyalty.selector;
        moves[n++] = economy.setFee.selector;
        moves[n++] = economy.release.selector;
        moves[n++] = economy.payIn.selector;
        moves[n++] = economy.takeRevenue.selector;
        moves[n++] = economy.anchorEpoch.selector;
        moves[n++] = economy.give.selector;
        moves[n++] = economy.wait.selector;
        moves[n++] = economy.fund.selector;
        moves[n++] = economy.submit.selector;
        moves[n++] = economy.complete.selector;
        moves[n++] = economy.reject.selector;
        moves[n++] = economy.claimPayment.selector;
        moves[n++] = economy.claimRefund.selector;
        moves[n++] = economy.takeRefund.selector;
        moves[n++] = economy.buy.selector;
        moves[n++] = economy.renew.selector;
        moves[n++] = economy.use.selector;
        moves[n++] = economy.seal.selector;
        moves[n++] = economy.setSigner.selector;
        moves[n++] = economy.transferLicence.selector;
        moves[n++] = economy.refund.selector;
        moves[n++] = economy.revoke.selector;
        moves[n++] = economy.reclaimPass.selector;
        moves[n++] = economy.push.selector;
        moves[n++] = economy.takeLicenceRefund.selector;
        moves[n++] = economy.setSaleRoyalty.selector;
        moves[n++] = economy.sell.selector;
        moves[n++] = economy.acceptOffer.selector;
        moves[n++] = economy.giveShares.selector;
        moves[n++] = economy.collectForShares.selector;
        moves[n++] = economy.takeFromShares.selector;
        moves[n++] = economy.trespass.selector;
        moves[n++] = economy.trespassChannel.selector;
        moves[n++] = economy.trespassRight.selector;
        moves[n++] = economy.redeem.selector;
        // Those that lead somewhere more often.
        moves[n++] = moves[n++] = economy.claim.selector;
        moves[n++] = economy.open.selector;
        moves[n++] = economy.buy.selector;
        moves[n++] = economy.submit.selector;
        moves[n++] = economy.release.selector;
        moves[n++] = economy.wait.selector;
    }

    /// The world compares everything after every move (`World.check`), and a difference is a revert, which fails the
    /// campaign. What is left for here is that the world itself makes no money.
    function invariant_I1_I2_I3_I4_WhenAnythingHappensInAnyOrder_ItLeavesEverybodyHisOwnAndNothingRunsBackwards()
        public
        view
    {
        assertEq(economy.token().totalSupply(), economy.supply(), "conservation");
    }

    /// The campaign means something: moves taken by lot reach every state that they are for.
    function test_WhenMovesAreTakenByLot_ItReachesEveryStateThatTheyAreFor() public {
        vm.pauseGasMetering();
        bytes4[] memory moves = _moves();
        for (uint256 run; run < 12; ++run) {
            for (uint256 i; i < 250; ++i) {
                bytes memory data = abi.encodePacked(moves[uint256(keccak256(abi.encode(run, i))) % moves.length]);
                for (uint256 k; k < 7; ++k) {
                    data = abi.encodePacked(data, _lot(run, i, k));
                }
                (bool done, bytes memory why) = address(economy).call(data);
                require(done, string(why));
            }
            _count();
            economy.finish();
            _checkNothingIsLeft();
            economy = new Economy();
        }
        for (uint256 i; i < _names.length; ++i) {
            emit log_named_uint(string(abi.encodePacked(_names[i])), _reached[_names[i]]);
        }
        for (uint256 i; i < _names.length; ++i) {
            assertGt(_reached[_names[i]], 0, string(abi.encodePacked(_names[i])));
        }
    }

    /// Fits the narrowest argument.
    function _lot(uint256 run, uint256 i, uint256 k) internal pure returns (uint256) {
        return uint16(uint256(keccak256(abi.encode(run, i, k))));
    }

    function _count() private {
        for (uint256 i; i < _names.length; ++i) {
            _reached[_names[i]] += economy.reached(_names[i]);
        }
    }

    /// I5, from wherever a run ended.
    function afterInvariant() public {
        economy.finish();
        _checkNothingIsLeft();
    }

    function _checkNothingIsLeft() internal view {
        address[6] memory contracts = [
            address(economy.escrow()),
            address(economy.revenue()),
            address(economy.licences()),
            address(economy.jobs()),
            address(economy.market()),
            address(economy.anchor())
        ];
        for (uint256 i; i < 6; ++i) {
            assertEq(economy.token().balanceOf(contracts[i]), economy.gifts(contracts[i]), "I5 money was left behind");
        }
        address shares = address(economy.shares());
        uint256 left = economy.token().balanceOf(shares) - economy.gifts(shares);
        assertLt(left, 4, "I5 more than the dust was left to shareholders");
    }
}
