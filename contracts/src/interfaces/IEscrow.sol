// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAssets} from "./IAssets.sol";
import {IRevenue} from "./IRevenue.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title Money between payers and assets
/// @notice A payer deposits one ERC-20, puts parts of it into *channels* (each to one asset in one tenure), and signs
/// vouchers off chain; the asset's operator claims what was earned. A channel is named by the hash of its terms, so
/// the terms travel with every call and only its state is stored. Amounts are minor units of the token, times unix
/// seconds. A channel can be claimed strictly before `release = expires + WINDOW` and reclaimed from `release` on.
interface IEscrow {
    /// @notice What names a channel. `signer` is the key that signs its vouchers, `salt` any number the payer picks.
    struct Terms {
        address payer;
        address signer;
        uint64 asset;
        uint32 tenure;
        uint64 salt;
    }

    /// @notice A channel to open for the caller.
    struct Open {
        address signer;
        uint64 asset;
        uint32 tenure;
        uint64 salt;
        uint96 amount;
        uint40 expiresAtSec;
    }

    /// @notice A voucher, and how much of it was earned (`amount`, like `cumulative` since the channel's opening).
    /// `commitment` is the EIP-712 hash of the voucher's Call; `r`, `vs` the ERC-2098 signature. Amounts are 256 bits
    /// wide here so that no value in one entry can stop the batch from being read.
    struct Claim {
        Terms terms;
        uint256 amount;
        uint256 cumulative;
        bytes32 commitment;
        bytes32 r;
        bytes32 vs;
    }

    enum Status {
        None,
        Open,
        Closed
    }

    struct Channel {
        uint96 deposited;
        uint96 claimed;
        uint40 expiresAtSec;
        Status status;
    }

    /// @notice Why an entry of a batch was passed over.
    enum SkipReason {
        NotOperator,
        NotOpen,
        NothingNew,
        AboveVoucher,
        AboveDeposit,
        Released,
        BadSignature,
        NotReleased
    }

    /// @notice `amount` is what the token really brought.
    event Deposited(address indexed payer, uint256 amount);
    event Withdrawn(address indexed payer, address indexed to, uint256 amount);
    /// @notice `amount` moved from the payer's balance into the channel.
    event Opened(
        bytes32 indexed channelId,
        address indexed payer,
        uint64 indexed asset,
        address signer,
        uint32 tenure,
        uint64 salt,
        uint96 amount,
        uint40 expiresAtSec
    );
    /// @notice `added` moved from `from`'s balance into the channel, which now holds `deposited` in all.
    event ToppedUp(bytes32 indexed channelId, address indexed from, uint96 added, uint96 deposited);
    event Extended(bytes32 indexed channelId, uint40 expiresAtSec);
    /// @notice `earned` moved from the channel to the income of its asset's tenure; `claimed` is the sum so far.
    event Claimed(bytes32 indexed channelId, uint64 indexed asset, uint32 tenure, uint96 earned, uint96 claimed);
    /// @notice The channel ended: `earned` moved to the income of its tenure, `refunded` to the payer's balance.
    event Closed(bytes32 indexed channelId, address indexed payer, uint96 earned, uint96 refunded);
    event Skipped(bytes32 indexed channelId, SkipReason reason);
    /// @notice `amount` of a tenure's income is from now on counted by {IRevenue}.
    event Collected(uint64 indexed asset, uint32 indexed tenure, uint256 amount);

    error BadWindow(uint256 windowSec, uint256 minSec, uint256 maxSec);
    error BatchTooLarge(uint256 count, uint256 max);
    /// @notice Money sent there could not be fetched again.
    error BadRecipient(address to);
    error InsufficientBalance(address payer, uint256 balance, uint256 needed);
    error ZeroSigner(bytes32 channelId);
    error ZeroAmount();
    /// @notice The expiry must lie after `afterSec` and not after `latestSec`.
    error BadExpiry(bytes32 channelId, uint256 expiresAtSec, uint256 afterSec, uint256 latestSec);
    /// @notice `present` 0: there is no such asset.
    error WrongTenure(uint64 asset, uint32 tenure, uint32 present);
    error ChannelExists(bytes32 channelId);
    error ChannelNotOpen(bytes32 channelId, Status status);
    error ChannelExpired(bytes32 channelId, uint256 expiresAtSec);
    error NotPayer(bytes32 channelId, address caller);
    error NotOperator(bytes32 channelId, address caller);
    /// @notice What was spent must be at least what was claimed and at most what was deposited.
    error BadSpent(bytes32 channelId, uint256 spent, uint256 claimed, uint256 deposited);
    error DeadlinePassed(bytes32 channelId, uint256 deadlineSec);
    error BadSignature(bytes32 channelId);
    error IncomeTooHigh(uint64 asset, uint32 tenure);
    error NotRevenue(address caller);

    // Payer

    /// @notice Takes `amount` from the caller and credits what arrived.
    /// @return credited differs from `amount` for tokens that take a fee
    function deposit(uint256 amount) external returns (uint256 credited);

    /// @notice {deposit} with the ERC-2612 permit that allows it; a permit that was already used is no obstacle.
    function depositWithPermit(uint256 amount, uint256 deadlineSec, uint8 v, bytes32 r, bytes32 s)
        external
        returns (uint256 credited);

    /// @notice Pays `amount` of the caller's balance out to `to`.
    function withdraw(uint256 amount, address to) external;

    /// @notice Opens channels for the caller from his balance; all or none. At most MAX_BATCH.
    function open(Open[] calldata opens) external;

    /// @notice Raises what a channel holds to `total` from the caller's balance; does nothing if it holds as much.
    function topUpTo(Terms calldata terms, uint96 total) external;

    /// @notice Moves a channel's expiry later. Payer only, before it has passed.
    function extend(Terms calldata terms, uint40 expiresAtSec) external;

    /// @notice Ends a channel at what its operator signed as final (EIP-712 `Close`). Payer only.
    function close(Terms calldata terms, uint96 spent, uint40 deadlineSec, bytes32 r, bytes32 vs) external;

    // Provider

    /// @notice Claims what was earned. An entry that fails is Skipped and costs the others nothing; entries of one
    /// asset side by side are cheapest. Operator of the tenure only, or its owner once the asset is sold. At most MAX_BATCH.
    function claim(Claim[] calldata claims) external;

    /// @notice Ends a channel without claiming more: the rest goes back to its payer. Same callers as {claim}.
    function giveUp(Terms calldata terms) external;

    // Anyone

    /// @notice Returns the rest of channels to their payers, from their release on. Entries that fail are Skipped. At most MAX_BATCH.
    function reclaim(Terms[] calldata channels) external;

    // Revenue

    // The tokens that {revenue} counts stay here too. It is the only caller.

    /// @notice Counts what a tenure earned since the last time as collected.
    function collect(uint64 asset, uint32 tenure) external returns (uint256 amount);

    /// @notice Takes `amount` from `from`, which called {revenue} itself, and gives what arrived.
    function take(address from, uint256 amount) external returns (uint256 arrived);

    /// @notice Pays out what {revenue} owed.
    function payOut(address to, uint256 amount) external;

    // Reading

    function token() external view returns (IERC20);
    function assets() external view returns (IAssets);
    function revenue() external view returns (IRevenue);
    /// @notice Seconds after a channel's expiry in which it can still be claimed.
    function WINDOW() external view returns (uint40);
    function channelIdOf(Terms calldata terms) external view returns (bytes32);
    function channel(bytes32 channelId) external view returns (Channel memory);
    /// @notice Free money of a payer.
    function balances(address payer) external view returns (uint256);
    /// @notice All that a tenure ever earned, and how much of it was collected.
    function income(uint64 asset, uint32 tenure) external view returns (uint128 earned, uint128 collected);
}
