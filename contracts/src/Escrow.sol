// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ChannelState, openState} from "./ChannelState.sol";
import {Incoming} from "./Incoming.sol";
import {Revenue} from "./Revenue.sol";
import {IAssets} from "./interfaces/IAssets.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IRevenue} from "./interfaces/IRevenue.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

/// @title Escrow
/// @notice See {IEscrow}. One escrow per token and nobody's admin: a bad token harms only its own escrow. Only
/// deposit, withdraw, take and payOut touch the token; everything else moves numbers between four places:
/// balances, channels, income, and Revenue's.
contract Escrow is IEscrow, EIP712, ReentrancyGuardTransient {
    using Incoming for IERC20;
    using SafeERC20 for IERC20;

    uint256 public constant MAX_SPAN = 90 days;
    uint256 public constant MAX_BATCH = 100;
    uint40 private constant MIN_WINDOW = 1 hours;
    uint40 private constant MAX_WINDOW = 7 days;

    bytes32 private constant VOUCHER_TYPEHASH = keccak256(
        "Voucher(bytes32 channelId,uint96 cumulative,Call call)Call(bytes32 callId,bytes32 listing,string method,bytes32 requestDigest,uint96 maxAmount)"
    );
    bytes32 private constant CLOSE_TYPEHASH = keccak256("Close(bytes32 channelId,uint96 spent,uint40 deadlineSec)");

    IERC20 public immutable token;
    IAssets public immutable assets;
    IRevenue public immutable revenue;
    uint40 public immutable WINDOW;
    /// The chain it was deployed on. Ids keep it even if a fork changes the chain's id, so that no channel is lost there;
    /// signatures do not (their domain follows the fork).
    uint256 private immutable _homeChainId = block.chainid;

    mapping(address payer => uint256) public balances;
    mapping(bytes32 channelId => ChannelState) private _channels;
    /// Lower half: all that a tenure ever earned; upper half: how much of it was collected.
    mapping(uint64 asset => mapping(uint32 tenure => uint256)) private _income;

    /// `governance` may set the fee of {revenue}, and nothing here.
    constructor(IERC20 token_, IAssets assets_, uint40 windowSec, address governance) EIP712("Weft Escrow", "1") {
        if (windowSec < MIN_WINDOW || windowSec > MAX_WINDOW) revert BadWindow(windowSec, MIN_WINDOW, MAX_WINDOW);
        token = token_;
        assets = assets_;
        WINDOW = windowSec;
        revenue = new Revenue(assets_, governance);
    }

    // Payer

    function deposit(uint256 amount) external nonReentrant returns (uint256) {
        return _deposit(amount);
    }

    function depositWithPermit(uint256 amount, uint256 deadlineSec, uint8 v, bytes32 r, bytes32 s)
        external
        nonReentrant
        returns (uint256)
    {
        token.tryPermit(amount, deadlineSec, v, r, s);
        return _deposit(amount);
    }

    function withdraw(uint256 amount, address to) external nonReentrant {
        // Check
        if (to == address(0) || to == address(this) || to == address(revenue)) revert BadRecipient(to);
        // Effect
        _debit(amount);
        emit Withdrawn(msg.sender, to, amount);
        // Interaction
        token.safeTransfer(to, amount);
    }

    function open(Open[] calldata opens) external {
        uint256 count = opens.length;
        _checkBatch(count);
        uint256 total;
        // Neighbours of one asset share one question to Assets. None has id 0 or tenure 0.
        uint64 asset;
        uint32 tenure;
        for (uint256 i; i < count; ++i) {
            Open calldata entry = opens[i];
            uint64 wanted = entry.asset;
            if (wanted != asset) {
                asset = wanted;
                tenure = assets.tenureOf(wanted);
            }
            if (entry.tenure != tenure || tenure == 0) revert WrongTenure(asset, entry.tenure, tenure);
            unchecked {
                total += _open(entry, asset, tenure); // at most MAX_BATCH * 2^96
            }
        }
        _debit(total);
    }

    function topUpTo(Terms calldata terms, uint96 total) external {
        // Check
        (bytes32 id, ChannelState state) = _openChannel(terms);
        if (block.timestamp >= state.expiresAtSec()) revert ChannelExpired(id, state.expiresAtSec());
        uint96 before = state.deposited();
        if (total <= before) return;
        // Effect
        uint96 added = total - before;
        _debit(added);
        _channels[id] = state.withDeposited(total);
        emit ToppedUp(id, msg.sender, added, total);
    }

    function extend(Terms calldata terms, uint40 expiresAtSec) external {
        // Check
        (bytes32 id, ChannelState state) = _openChannel(terms);
        if (msg.sender != terms.payer) revert NotPayer(id, msg.sender);
        uint40 old = state.expiresAtSec();
        if (block.timestamp >= old) revert ChannelExpired(id, old);
        _checkExpiry(id, expiresAtSec, old);
        // Effect
        _channels[id] = state.withExpiry(expiresAtSec);
        emit Extended(id, expiresAtSec);
    }

    function close(Terms calldata terms, uint96 spent, uint40 deadlineSec, bytes32 r, bytes32 vs) external {
        // Check
        (bytes32 id, ChannelState state) = _openChannel(terms);
        if (msg.sender != terms.payer) revert NotPayer(id, msg.sender);
        if (spent < state.claimed() || spent > state.deposited()) {
            revert BadSpent(id, spent, state.claimed(), state.deposited());
        }
        if (block.timestamp > deadlineSec) revert DeadlinePassed(id, deadlineSec);
        bytes32 hash = keccak256(abi.encode(CLOSE_TYPEHASH, id, spent, deadlineSec));
        address operator = _recover(_domainSeparatorV4(), hash, r, vs);
        if (operator == address(0) || !assets.isOperator(terms.asset, terms.tenure, operator)) revert BadSignature(id);
        // Effect
        uint96 earned = spent - state.claimed();
        _credit(terms.asset, terms.tenure, earned);
        uint256 refund = _close(id, state.withClaimed(spent), terms.payer, earned);
        balances[terms.payer] += refund;
    }

    // Provider

    function claim(Claim[] calldata claims) external {
        uint256 count = claims.length;
        _checkBatch(count);
        bytes32 domain = _domainSeparatorV4();
        // Entries of one tenure side by side share one question to Assets and one write of income.
        uint64 asset; // none has id 0
        uint32 tenure;
        bool allowed;
        uint256 earned;
        for (uint256 i; i < count; ++i) {
            Claim calldata entry = claims[i];
            Terms calldata terms = entry.terms;
            (uint64 itsAsset, uint32 itsTenure) = (terms.asset, terms.tenure);
            if (itsAsset != asset || itsTenure != tenure) {
                _credit(asset, tenure, earned);
                earned = 0;
                (asset, tenure) = (itsAsset, itsTenure);
                allowed = assets.actsFor(asset, tenure, msg.sender);
            }
            if (!allowed) {
                _skip(_channelId(terms), SkipReason.NotOperator);
                continue;
            }
            unchecked {
                earned += _claim(entry, asset, tenure, domain); // at most MAX_BATCH * 2^96
            }
        }
        _credit(asset, tenure, earned);
    }

    function giveUp(Terms calldata terms) external {
        // Check
        (bytes32 id, ChannelState state) = _openChannel(terms);
        if (!assets.actsFor(terms.asset, terms.tenure, msg.sender)) revert NotOperator(id, msg.sender);
        // Effect
        balances[terms.payer] += _close(id, state, terms.payer, 0);
    }

    // Anyone

    function reclaim(Terms[] calldata terms) external {
        _checkBatch(terms.length);
        for (uint256 i; i < terms.length; ++i) {
            address payer = terms[i].payer;
            bytes32 id = _channelId(terms[i]);
            ChannelState state = _channels[id];
            if (!state.isOpen()) {
                emit Skipped(id, SkipReason.NotOpen);
            } else if (block.timestamp < _releaseOf(state)) {
                emit Skipped(id, SkipReason.NotReleased);
            } else {
                balances[payer] += _close(id, state, payer, 0);
            }
        }
    }

    // Revenue

    function collect(uint64 asset, uint32 tenure) external returns (uint256 amount) {
        // Check
        _onlyRevenue();
        (uint256 earned, uint256 collected) = income(asset, tenure);
        amount = earned - collected;
        if (amount == 0) return 0;
        // Effect
        _income[asset][tenure] = (earned << 128) | earned;
        emit Collected(asset, tenure, amount);
    }

    function take(address from, uint256 amount) external nonReentrant returns (uint256 arrived) {
        _onlyRevenue();
        return token.take(from, amount);
    }

    function payOut(address to, uint256 amount) external nonReentrant {
        _onlyRevenue();
        token.safeTransfer(to, amount);
    }

    // Reading

    function channelIdOf(Terms calldata terms) external view returns (bytes32) {
        return _channelId(terms);
    }

    function channel(bytes32 channelId) external view returns (Channel memory) {
        ChannelState state = _channels[channelId];
        return Channel(state.deposited(), state.claimed(), state.expiresAtSec(), state.status());
    }

    function income(uint64 asset, uint32 tenure) public view returns (uint128 earned, uint128 collected) {
        uint256 word = _income[asset][tenure];
        return (uint128(word), uint128(word >> 128));
    }

    // Inside

    function _deposit(uint256 amount) private returns (uint256 credited) {
        // Interaction first: what is credited is what arrived. Every other function that moves tokens has the guard, too.
        credited = token.take(msg.sender, amount);
        // Effect
        balances[msg.sender] += credited;
        emit Deposited(msg.sender, credited);
    }

    function _debit(uint256 amount) private {
        uint256 balance = balances[msg.sender];
        if (balance < amount) revert InsufficientBalance(msg.sender, balance, amount);
        unchecked {
            balances[msg.sender] = balance - amount;
        }
    }

    function _open(Open calldata entry, uint64 asset, uint32 tenure) private returns (uint96 amount) {
        // Check
        address signer = entry.signer;
        uint64 salt = entry.salt;
        bytes32 id = keccak256(abi.encode(_homeChainId, address(this), msg.sender, signer, asset, tenure, salt));
        amount = entry.amount;
        uint40 expiresAtSec = entry.expiresAtSec;
        if (signer == address(0)) revert ZeroSigner(id);
        if (amount == 0) revert ZeroAmount();
        _checkExpiry(id, expiresAtSec, block.timestamp);
        if (ChannelState.unwrap(_channels[id]) != 0) revert ChannelExists(id);
        // Effect
        _channels[id] = openState(amount, expiresAtSec);
        emit Opened(id, msg.sender, asset, signer, tenure, salt, amount, expiresAtSec);
    }

    /// @return earned what the entry adds to its tenure's income; 0 if it is skipped
    function _claim(Claim calldata entry, uint64 asset, uint32 tenure, bytes32 domain)
        private
        returns (uint256 earned)
    {
        Terms calldata terms = entry.terms;
        address signer = terms.signer;
        bytes32 id = keccak256(abi.encode(_homeChainId, address(this), terms.payer, signer, asset, tenure, terms.salt));
        ChannelState state = _channels[id];
        uint256 amount = entry.amount;
        // Check, dearest last
        if (!state.isOpen()) return _skip(id, SkipReason.NotOpen);
        uint256 before = state.claimed();
        if (amount <= before) return _skip(id, SkipReason.NothingNew);
        if (amount > entry.cumulative) return _skip(id, SkipReason.AboveVoucher);
        if (amount > state.deposited()) return _skip(id, SkipReason.AboveDeposit);
        if (block.timestamp >= _releaseOf(state)) return _skip(id, SkipReason.Released);
        // Nobody opens a channel for signer zero, so a failed recovery never fits.
        if (_voucherSigner(domain, id, entry) != signer) return _skip(id, SkipReason.BadSignature);
        // Effect
        unchecked {
            earned = amount - before;
        }
        _channels[id] = state.withClaimed(uint96(amount)); // at most deposited, hence 96 bits
        emit Claimed(id, asset, tenure, uint96(earned), uint96(amount));
    }

    function _skip(bytes32 id, SkipReason reason) private returns (uint256) {
        emit Skipped(id, reason);
        return 0;
    }

    /// @return rest what the payer gets back
    function _close(bytes32 id, ChannelState state, address payer, uint96 earned) private returns (uint96 rest) {
        rest = state.deposited() - state.claimed();
        _channels[id] = state.closed();
        emit Closed(id, payer, earned, rest);
    }

    function _credit(uint64 asset, uint32 tenure, uint256 earned) private {
        if (earned == 0) return;
        uint256 word;
        unchecked {
            word = _income[asset][tenure] + earned;
        }
        // The lower half has run over if it is now smaller than what was added.
        if (uint128(word) < earned) revert IncomeTooHigh(asset, tenure);
        _income[asset][tenure] = word;
    }

    function _openChannel(Terms calldata terms) private view returns (bytes32 id, ChannelState state) {
        id = _channelId(terms);
        state = _channels[id];
        if (!state.isOpen()) revert ChannelNotOpen(id, state.status());
    }

    function _channelId(Terms calldata terms) private view returns (bytes32) {
        return keccak256(abi.encode(_homeChainId, address(this), terms));
    }

    function _voucherSigner(bytes32 domain, bytes32 id, Claim calldata entry) private pure returns (address) {
        bytes32 hash = keccak256(abi.encode(VOUCHER_TYPEHASH, id, entry.cumulative, entry.commitment));
        return _recover(domain, hash, entry.r, entry.vs);
    }

    /// Claims end and reclaims begin at this second.
    function _releaseOf(ChannelState state) private view returns (uint256) {
        unchecked {
            return uint256(state.expiresAtSec()) + WINDOW;
        }
    }

    function _recover(bytes32 domain, bytes32 structHash, bytes32 r, bytes32 vs) private pure returns (address signer) {
        (signer,,) = ECDSA.tryRecover(MessageHashUtils.toTypedDataHash(domain, structHash), r, vs);
    }

    function _checkExpiry(bytes32 id, uint40 expiresAtSec, uint256 afterSec) private view {
        uint256 latest;
        unchecked {
            latest = block.timestamp + MAX_SPAN;
        }
        if (expiresAtSec <= afterSec || expiresAtSec > latest) revert BadExpiry(id, expiresAtSec, afterSec, latest);
    }

    function _onlyRevenue() private view {
        if (msg.sender != address(revenue)) revert NotRevenue(msg.sender);
    }

    function _checkBatch(uint256 count) private pure {
        if (count > MAX_BATCH) revert BatchTooLarge(count, MAX_BATCH);
    }
}
