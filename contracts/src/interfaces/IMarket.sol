// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title Where assets are sold
/// @notice At a fixed price, or by accepting an offer, in any ERC-20. It holds neither assets nor money: the seller lets it
/// move the asset, the buyer lets it move the price, and both move in the one transaction that is the sale. Before it,
/// the asset's income is released to the seller; the royalty of ERC-2981 is paid out of the price. Whoever a token refuses
/// to pay, seller or maker, makes the sale in that token fail as a whole; other tokens stay open.
interface IMarket {
    /// @notice What the seller of an asset asks. It holds for one tenure: a sale anywhere ends it.
    struct Ask {
        IERC20 token;
        uint96 price;
        uint32 tenure;
        uint40 expiresAtSec;
    }

    /// @notice What somebody would pay for an asset while it is in a tenure and its sale royalty is at most `saleBps`.
    struct Offer {
        uint96 price;
        uint32 tenure;
        uint40 expiresAtSec;
        uint16 saleBps;
    }

    /// @notice What a buyer agrees to: the ask as he saw it, and the most that the asset's maker may get whenever it is sold
    /// on (basis points), which nobody can change after the first sale.
    struct Deal {
        IERC20 token;
        uint96 price;
        uint32 tenure;
        uint16 saleBps;
    }

    event Asked(uint64 indexed asset, uint32 tenure, IERC20 indexed token, uint96 price, uint40 expiresAtSec);
    event AskWithdrawn(uint64 indexed asset);
    event Offered(
        uint64 indexed asset,
        address indexed buyer,
        IERC20 indexed token,
        uint32 tenure,
        uint96 price,
        uint16 saleBps,
        uint40 expiresAtSec
    );
    event OfferWithdrawn(uint64 indexed asset, address indexed buyer, IERC20 indexed token);
    /// @notice `royalty` of `price` went to the asset's maker, the rest to `seller`, whose tenure this was.
    event Sold(
        uint64 indexed asset,
        address indexed seller,
        address indexed buyer,
        uint32 tenure,
        IERC20 token,
        uint256 price,
        address maker,
        uint256 royalty
    );

    error NotOwner(uint64 asset, address caller);
    error ZeroPrice(uint64 asset);
    error NotAContract(address token);
    error Expired(uint64 asset, uint40 expiresAtSec);
    /// @notice Nobody asks anything for the asset, or asked it in another tenure.
    error NotForSale(uint64 asset);
    error NoOffer(uint64 asset, address buyer, address token);
    /// @notice What stands differs from what the caller agreed to.
    error TermsChanged(uint64 asset, address token, uint256 price, uint32 tenure);
    /// @notice The sale royalty is above what the buyer agreed to.
    error SaleRoyaltyRaised(uint64 asset, uint16 saleBps, uint16 agreed);
    /// @notice The token brought less than the price: it takes a fee, or lies.
    error PriceNotPaid(address token, uint256 arrived, uint256 price);

    /// @notice Asks a price for the caller's asset, instead of what he asked before.
    function ask(uint64 asset, IERC20 token, uint96 price, uint40 expiresAtSec) external;

    function withdrawAsk(uint64 asset) external;

    /// @notice Buys what is asked, if that is still what the buyer agrees to.
    function buy(uint64 asset, Deal calldata deal) external;

    /// @notice {buy} with the ERC-2612 permit that allows it; a permit that was already used is no obstacle.
    function buyWithPermit(uint64 asset, Deal calldata deal, uint256 deadlineSec, uint8 v, bytes32 r, bytes32 s)
        external;

    /// @notice Offers a price for an asset in its present tenure, with at most that sale royalty, instead of what the caller
    /// offered before in that token.
    function offer(uint64 asset, IERC20 token, uint96 price, uint16 saleBps, uint40 expiresAtSec) external;

    function withdrawOffer(uint64 asset, IERC20 token) external;

    /// @notice Sells the caller's asset to who made an offer. `price` is what the seller agrees to.
    function accept(uint64 asset, address buyer, IERC20 token, uint96 price) external;

    function asks(uint64 asset) external view returns (IERC20 token, uint96 price, uint32 tenure, uint40 expiresAtSec);
    function offers(uint64 asset, address buyer, IERC20 token)
        external
        view
        returns (uint96 price, uint32 tenure, uint40 expiresAtSec, uint16 saleBps);
}
