// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "./IEscrow.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

/// @title The right to call an asset, bought ahead
/// @notice An asset's owner makes *offers*; who buys one holds a *licence*, an ERC-721 token, whose *signer* (a plain key)
/// proves possession with every call (EIP-712 `Use`, in the escrow's domain). An offer is named by the hash of its terms,
/// so whoever names it has agreed to all of them; it never changes and ends with its tenure. A licence is named by the
/// hash of its buyer, its offer and a salt of the buyer's, so that it is sold once, whatever is sent again. Licences
/// outlive the tenure that sold them, and pay it.
///
/// Money that can be refunded stays here and is earned as the licence runs off: by time, or for a pass by calls. What is
/// earned, and what cannot be refunded, goes to {IRevenue}. Prices are minor units of the escrow's token, times unix seconds.
///
/// A pass is a channel counted in calls. While it has a signer, only its seller's operator knows how many were used; so
/// it is *sealed* with the operator's `Count` before it is transferred, refunded or given another signer. A refundable
/// pass can be claimed strictly before `release = until + WINDOW` of the escrow, and reclaimed from then on.
interface ILicences is IERC721 {
    enum Kind {
        Subscription,
        Pass,
        Rental,
        Perpetual
    }

    /// @notice What is offered. `spanSec`: a subscription's period, how long a rental runs, or when a pass lapses (0: never).
    /// `calls`: of a pass, else 0. `exclusive`: while such a rental runs, no other rental of the asset begins. `refundable`:
    /// what has not run off is paid back on demand. `revocable`: the seller may end the licence and refund that. `salt`:
    /// any number, for a second offer of the same terms.
    struct Offer {
        uint64 asset;
        uint32 tenure;
        Kind kind;
        uint96 price;
        uint40 spanSec;
        bool exclusive;
        bool transferable;
        uint64 calls;
        uint64 salt;
        bool refundable;
        bool revocable;
    }

    enum OfferStatus {
        None,
        Open,
        Withdrawn
    }

    /// @notice All that admits a call, and the money. `callsLeft` of all but passes is the largest number. Zero `signer`:
    /// nobody can use it. `earned` of `paid` is the seller's by now, pushed or not; once it is over they are equal. A licence
    /// that was never sold is all zero, one that was refunded or revoked has no `holder`.
    struct State {
        bool valid;
        address holder;
        address signer;
        uint16 signerNumber;
        uint64 asset;
        uint32 tenure;
        Kind kind;
        bytes32 offerId;
        uint40 startSec;
        uint40 validUntilSec;
        uint96 paid;
        uint96 earned;
        uint64 uses;
        uint64 callsLeft;
    }

    /// @notice A `Use` of a pass, and how many calls were charged up to it (`uses`). `commitment` is the EIP-712 hash of its
    /// Call; `r`, `vs` the ERC-2098 signature. Counts are 256 bits wide so that no value stops the batch from being read.
    struct Claim {
        bytes32 licenceId;
        uint256 uses;
        uint256 signedUses;
        bytes32 commitment;
        bytes32 r;
        bytes32 vs;
    }

    enum SkipReason {
        NotOperator,
        NotRunning,
        NotAPass,
        NothingNew,
        AboveSigned,
        AboveCalls,
        Released,
        BadSignature,
        NotReleased,
        NotRefundable
    }

    enum EndReason {
        Refunded,
        Revoked,
        Reclaimed
    }

    event Offered(bytes32 indexed offerId, uint64 indexed asset, uint32 indexed tenure, Offer offer);
    event OfferWithdrawn(bytes32 indexed offerId);
    event Bought(
        bytes32 indexed licenceId,
        bytes32 indexed offerId,
        address indexed buyer,
        uint64 asset,
        uint32 tenure,
        uint96 price,
        uint40 untilSec
    );
    /// @notice `payer` paid `amount` for a later end.
    event Renewed(bytes32 indexed licenceId, address indexed payer, uint96 amount, uint40 untilSec);
    /// @notice Zero `signer`: nobody can use the licence until its holder names one.
    event SignerSet(bytes32 indexed licenceId, address indexed signer, uint16 signerNumber);
    /// @notice `uses` of a pass were counted in all, by a claim or a seal.
    event Counted(bytes32 indexed licenceId, uint64 uses);
    /// @notice `amount` of what was paid for a licence is its seller's from now on.
    event Earned(bytes32 indexed licenceId, uint64 indexed asset, uint32 indexed tenure, uint96 amount);
    /// @notice A licence is over: `refunded` was credited to its holder.
    event Ended(bytes32 indexed licenceId, address indexed holder, EndReason reason, uint96 refunded);
    event Skipped(bytes32 indexed licenceId, SkipReason reason);
    /// @notice `amount` of what a tenure's licences earned left for {IRevenue}.
    event Pushed(uint64 indexed asset, uint32 indexed tenure, uint256 amount);
    event Withdrawn(address indexed holder, address indexed to, uint256 amount);

    error NotOwner(uint64 asset, address caller);
    /// @notice The offer is of another tenure than the asset's present one. `present` 0: there is no such asset.
    error WrongTenure(uint64 asset, uint32 tenure, uint32 present);
    error ZeroPrice(uint64 asset);
    /// @notice Subscriptions and rentals last 1 to `maxSec`, passes at most that, what is perpetual has none (0).
    error BadSpan(Kind kind, uint256 spanSec, uint256 maxSec);
    /// @notice A pass has calls, nothing else has.
    error BadCalls(Kind kind, uint64 calls);
    error OnlyRentalsAreExclusive(Kind kind);
    /// @notice What does not lapse would keep its money here for ever.
    error NoRefundWithoutEnd(Kind kind);
    /// @notice Who may end a licence pays back the rest, and so leaves it here.
    error RevocableMustBeRefundable(Kind kind);
    error OfferExists(bytes32 offerId);
    /// @notice It was never made, or was withdrawn.
    error OfferNotOpen(bytes32 offerId, OfferStatus status);
    error NotListed(uint64 asset);
    /// @notice Another listing is in force than the buyer agreed to.
    error ListingChanged(uint64 asset, bytes32 agreed, bytes32 present);
    error ExclusivelyRented(uint64 asset, bytes32 licenceId, uint256 untilSec);
    error LicenceExists(bytes32 licenceId);
    /// @notice It was never sold, or was refunded or revoked.
    error NotRunning(bytes32 licenceId);
    error LicenceExpired(bytes32 licenceId, uint256 untilSec);
    error NotHolder(bytes32 licenceId, address caller);
    error ZeroSigner(bytes32 licenceId);
    /// @notice A pass with a signer is sealed first.
    error CountNeeded(bytes32 licenceId);
    /// @notice Only a pass that has a signer can be sealed.
    error NothingToCount(bytes32 licenceId);
    /// @notice The count must be at least what was claimed and at most what was bought.
    error BadCount(bytes32 licenceId, uint256 uses, uint256 claimed, uint256 calls);
    error DeadlinePassed(bytes32 licenceId, uint256 deadlineSec);
    error BadSignature(bytes32 licenceId);
    error NotTransferable(bytes32 licenceId);
    error NotRefundable(bytes32 licenceId);
    error NotRevocable(bytes32 licenceId);
    error NotRenewable(bytes32 licenceId);
    /// @notice The end must be whole periods after `presentSec`, and not after `latestSec`.
    error BadEnd(bytes32 licenceId, uint256 untilSec, uint256 presentSec, uint256 latestSec);
    error NotOfTenure(bytes32 licenceId, uint64 asset, uint32 tenure);
    /// @notice The token brought something else than the price: it takes a fee, or lies.
    error PriceNotPaid(uint256 arrived, uint256 price);
    error BatchTooLarge(uint256 count, uint256 max);
    error InsufficientBalance(address holder, uint256 balance, uint256 needed);
    /// @notice Money sent there could not be fetched again.
    error BadRecipient(address to);

    // Seller

    /// @notice Offers licences of the caller's asset, in its present tenure.
    function offer(Offer calldata terms) external returns (bytes32 offerId);

    /// @notice Sells no more of an offer, and renews none. Licences sold run on. The offer's seller only.
    function withdrawOffer(bytes32 offerId) external;

    /// @notice Counts calls of passes, and earns what they cost. An entry that fails is Skipped and costs the others nothing.
    /// Operator of the tenure that sold, or its owner once the asset is sold. At most MAX_BATCH.
    function claim(Claim[] calldata claims) external;

    /// @notice Ends a licence whose offer said so; its holder gets back what has not run off. The offer's seller only.
    function revoke(bytes32 licenceId) external;

    // Buyer and holder

    /// @notice Buys a licence. `listing` is the asset's listing that the buyer agrees to. Zero `signer`: named later.
    function buy(bytes32 offerId, bytes32 listing, address signer, uint64 salt) external returns (bytes32 licenceId);

    /// @notice {buy} with the ERC-2612 permit that allows it; a permit that was already used is no obstacle.
    function buyWithPermit(
        bytes32 offerId,
        bytes32 listing,
        address signer,
        uint64 salt,
        uint256 deadlineSec,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external returns (bytes32 licenceId);

    /// @notice Moves the end of a running subscription to `untilSec`, whole periods later, at the caller's cost; does nothing
    /// if it ends as late already, so that one sent twice is paid once.
    function renewTo(bytes32 licenceId, bytes32 listing, uint40 untilSec) external;

    /// @notice {renewTo} with a permit of `amount`.
    function renewToWithPermit(
        bytes32 licenceId,
        bytes32 listing,
        uint40 untilSec,
        uint256 amount,
        uint256 deadlineSec,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;

    /// @notice Names the key that proves possession, best one never used before. Holder only; a pass that has one is sealed first.
    function setSigner(bytes32 licenceId, address signer) external;

    /// @notice Takes the signer off a pass, at what the seller's operator signed as its count (EIP-712 `Count`). Holder only.
    function seal(bytes32 licenceId, uint64 uses, uint40 deadlineSec, bytes32 r, bytes32 vs) external;

    /// @notice Ends a refundable licence, and credits its holder with what has not run off. Holder only.
    function refund(bytes32 licenceId) external;

    /// @notice Pays `amount` of what the caller was refunded out to `to`.
    function withdraw(uint256 amount, address to) external;

    // Anyone

    /// @notice Sends what a tenure's licences earned to {IRevenue}, first counting what those named have earned by time. At
    /// most MAX_BATCH.
    function push(uint64 asset, uint32 tenure, bytes32[] calldata licenceIds) external returns (uint256 amount);

    /// @notice Ends refundable passes from their release on; their holders get the rest. Entries that fail are Skipped. At
    /// most MAX_BATCH.
    function reclaim(bytes32[] calldata licenceIds) external;

    // Reading

    function escrow() external view returns (IEscrow);
    /// @notice Whether it admits calls now.
    function isValid(bytes32 licenceId) external view returns (bool);
    /// @notice What a paywall asks; all zero for one that was never sold.
    function state(bytes32 licenceId) external view returns (State memory);
    function offerOf(bytes32 offerId) external view returns (Offer memory terms, OfferStatus status);
    function offerIdOf(Offer calldata terms) external view returns (bytes32);
    function licenceIdOf(address buyer, bytes32 offerId, uint64 salt) external view returns (bytes32);
    /// @notice Of an asset, the exclusive rental that was sold last; it may be over.
    function exclusiveRental(uint64 asset) external view returns (bytes32 licenceId);
    /// @notice What was earned and waits for a {push}.
    function due(uint64 asset, uint32 tenure) external view returns (uint256);
    /// @notice What was refunded and waits for its {withdraw}.
    function refunds(address holder) external view returns (uint256);
}
