// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Incoming} from "./Incoming.sol";
import {IAssets} from "./interfaces/IAssets.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {ILicences} from "./interfaces/ILicences.sol";
import {IRevenue} from "./interfaces/IRevenue.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Licences
/// @notice See {ILicences}. Nobody's admin. What it holds is, to the last unit, what licences have not yet earned, what
/// waits for a push, and what waits for its holder. Only buying, renewing, push and withdraw touch the token; everything
/// else moves numbers. A licence that is over has no holder and keeps its id.
contract Licences is ILicences, ERC721, ReentrancyGuardTransient {
    using Incoming for IERC20;
    using SafeERC20 for IERC20;

    uint256 public constant MAX_SPAN = 366 days;
    /// How far ahead a subscription can be renewed.
    uint256 public constant MAX_AHEAD = 2 * MAX_SPAN;
    uint256 public constant MAX_BATCH = 100;
    uint40 public constant NEVER = type(uint40).max;

    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant USE_TYPEHASH = keccak256(
        "Use(bytes32 licenceId,uint64 uses,Call call)Call(bytes32 callId,bytes32 listing,string method,bytes32 requestDigest,uint96 maxAmount)"
    );
    bytes32 private constant COUNT_TYPEHASH =
        keccak256("Count(bytes32 licenceId,uint64 uses,uint16 signerNumber,uint40 deadlineSec)");

    /// `untilSec` is NEVER if it does not lapse. `signerNumber` counts the signers it has had. `earned` of `paid` is counted
    /// as the seller's. `uses`: highest count of a pass that was claimed or sealed.
    struct Licence {
        bytes32 offerId;
        address signer;
        uint40 startSec;
        uint40 untilSec;
        uint16 signerNumber;
        uint96 paid;
        uint96 earned;
        uint64 uses;
    }

    IEscrow public immutable escrow;
    IERC20 private immutable _token;
    IAssets private immutable _assets;
    IRevenue private immutable _revenue;
    uint40 private immutable _window;
    /// As in the escrow: ids keep the chain they were made on, signatures do not.
    uint256 private immutable _homeChainId = block.chainid;

    mapping(bytes32 offerId => Offer) private _offers;
    mapping(bytes32 offerId => OfferStatus) private _offerStatus;
    mapping(bytes32 licenceId => Licence) private _licences;
    mapping(uint64 asset => bytes32) public exclusiveRental;
    mapping(uint64 asset => mapping(uint32 tenure => uint256)) public due;
    mapping(address holder => uint256) public refunds;

    constructor(IEscrow escrow_) ERC721("Weft Licences", "WEFTL") {
        escrow = escrow_;
        _token = escrow_.token();
        _assets = escrow_.assets();
        _revenue = escrow_.revenue();
        _window = escrow_.WINDOW();
        // Which takes for Revenue from Revenue's caller alone.
        _token.forceApprove(address(escrow_), type(uint256).max);
    }

    // Seller

    function offer(Offer memory terms) external returns (bytes32 offerId) {
        // Check
        uint32 tenure = _assets.tenureOf(terms.asset);
        if (terms.tenure != tenure || tenure == 0) revert WrongTenure(terms.asset, terms.tenure, tenure);
        _onlySeller(terms);
        _checkTerms(terms);
        offerId = offerIdOf(terms);
        if (_offerStatus[offerId] != OfferStatus.None) revert OfferExists(offerId);
        // Effect
        _offers[offerId] = terms;
        _offerStatus[offerId] = OfferStatus.Open;
        emit Offered(offerId, terms.asset, tenure, terms);
    }

    function withdrawOffer(bytes32 offerId) external {
        // Check
        _checkOpen(offerId);
        _onlySeller(_terms(offerId));
        // Effect
        _offerStatus[offerId] = OfferStatus.Withdrawn;
        emit OfferWithdrawn(offerId);
    }

    function claim(Claim[] calldata claims) external {
        _checkBatch(claims.length);
        bytes32 domain = _domain();
        for (uint256 i; i < claims.length; ++i) {
            _claim(claims[i], domain);
        }
    }

    function revoke(bytes32 licenceId) external {
        // Check
        (Licence storage l, Offer memory terms) = _running(licenceId);
        _onlySeller(terms);
        if (!terms.revocable) revert NotRevocable(licenceId);
        _checkNotExpired(licenceId, l);
        // Effect
        _end(licenceId, l, terms, EndReason.Revoked);
    }

    // Buyer and holder

    function buy(bytes32 offerId, bytes32 listing, address signer, uint64 salt)
        external
        nonReentrant
        returns (bytes32)
    {
        return _buy(offerId, listing, signer, salt);
    }

    function buyWithPermit(
        bytes32 offerId,
        bytes32 listing,
        address signer,
        uint64 salt,
        uint256 deadlineSec,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external nonReentrant returns (bytes32) {
        _token.tryPermit(_offers[offerId].price, deadlineSec, v, r, s);
        return _buy(offerId, listing, signer, salt);
    }

    function renewTo(bytes32 licenceId, bytes32 listing, uint40 untilSec) external nonReentrant {
        _renewTo(licenceId, listing, untilSec);
    }

    function renewToWithPermit(
        bytes32 licenceId,
        bytes32 listing,
        uint40 untilSec,
        uint256 amount,
        uint256 deadlineSec,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external nonReentrant {
        _token.tryPermit(amount, deadlineSec, v, r, s);
        _renewTo(licenceId, listing, untilSec);
    }

    function setSigner(bytes32 licenceId, address signer) external {
        // Check
        (Licence storage l, Offer memory terms) = _running(licenceId);
        _onlyHolder(licenceId);
        if (signer == address(0)) revert ZeroSigner(licenceId);
        _checkSealed(licenceId, l, terms);
        // Effect
        _nameSigner(licenceId, l, signer);
    }

    function seal(bytes32 licenceId, uint64 uses, uint40 deadlineSec, bytes32 r, bytes32 vs) external {
        // Check
        (Licence storage l, Offer memory terms) = _running(licenceId);
        _onlyHolder(licenceId);
        if (terms.kind != Kind.Pass || l.signer == address(0)) revert NothingToCount(licenceId);
        if (uses < l.uses || uses > terms.calls) revert BadCount(licenceId, uses, l.uses, terms.calls);
        if (block.timestamp > deadlineSec) revert DeadlinePassed(licenceId, deadlineSec);
        bytes32 hash = keccak256(abi.encode(COUNT_TYPEHASH, licenceId, uses, l.signerNumber, deadlineSec));
        address operator = _recover(_domain(), hash, r, vs);
        if (operator == address(0) || !_assets.isOperator(terms.asset, terms.tenure, operator)) {
            revert BadSignature(licenceId);
        }
        // Effect
        _count(licenceId, l, terms, uses);
        l.signer = address(0);
        emit SignerSet(licenceId, address(0), l.signerNumber);
    }

    function refund(bytes32 licenceId) external {
        // Check
        (Licence storage l, Offer memory terms) = _running(licenceId);
        _onlyHolder(licenceId);
        if (!terms.refundable) revert NotRefundable(licenceId);
        _checkSealed(licenceId, l, terms);
        if (terms.kind != Kind.Pass) _checkNotExpired(licenceId, l);
        // Effect
        _end(licenceId, l, terms, EndReason.Refunded);
    }

    function withdraw(uint256 amount, address to) external nonReentrant {
        // Check
        uint256 balance = refunds[msg.sender];
        if (balance < amount) revert InsufficientBalance(msg.sender, balance, amount);
        if (to == address(0) || to == address(this) || to == address(_revenue) || to == address(escrow)) {
            revert BadRecipient(to);
        }
        // Effect
        unchecked {
            refunds[msg.sender] = balance - amount;
        }
        emit Withdrawn(msg.sender, to, amount);
        // Interaction
        _token.safeTransfer(to, amount);
    }

    // Anyone

    function push(uint64 asset, uint32 tenure, bytes32[] calldata licenceIds)
        external
        nonReentrant
        returns (uint256 amount)
    {
        _checkBatch(licenceIds.length);
        for (uint256 i; i < licenceIds.length; ++i) {
            Licence storage l = _licences[licenceIds[i]];
            Offer memory terms = _terms(l.offerId);
            if (terms.asset != asset || terms.tenure != tenure) revert NotOfTenure(licenceIds[i], asset, tenure);
            _earn(licenceIds[i], l, terms);
        }
        return _push(asset, tenure);
    }

    function reclaim(bytes32[] calldata licenceIds) external {
        _checkBatch(licenceIds.length);
        for (uint256 i; i < licenceIds.length; ++i) {
            _reclaim(licenceIds[i]);
        }
    }

    // Reading

    function isValid(bytes32 licenceId) public view returns (bool) {
        Licence storage l = _licences[licenceId];
        if (_ownerOf(uint256(licenceId)) == address(0) || block.timestamp >= l.untilSec) return false;
        Offer storage terms = _offers[l.offerId];
        return terms.kind != Kind.Pass || l.uses < terms.calls;
    }

    function state(bytes32 licenceId) external view returns (State memory) {
        Licence storage l = _licences[licenceId];
        Offer memory terms = _terms(l.offerId);
        return State({
            valid: isValid(licenceId),
            holder: _ownerOf(uint256(licenceId)),
            signer: l.signer,
            signerNumber: l.signerNumber,
            asset: terms.asset,
            tenure: terms.tenure,
            kind: terms.kind,
            offerId: l.offerId,
            startSec: l.startSec,
            validUntilSec: l.untilSec,
            paid: l.paid,
            earned: _earnedOf(l, terms),
            uses: l.uses,
            callsLeft: terms.kind == Kind.Pass || l.offerId == bytes32(0) ? terms.calls - l.uses : type(uint64).max
        });
    }

    function offerOf(bytes32 offerId) external view returns (Offer memory terms, OfferStatus status) {
        return (_terms(offerId), _offerStatus[offerId]);
    }

    /// As the base answers without a base URI, in less code.
    function tokenURI(uint256 tokenId) public view override returns (string memory) {
        _requireOwned(tokenId);
        return "";
    }

    function offerIdOf(Offer memory terms) public view returns (bytes32) {
        return keccak256(abi.encode(_homeChainId, address(this), terms));
    }

    function licenceIdOf(address buyer, bytes32 offerId, uint64 salt) public view returns (bytes32) {
        return keccak256(abi.encode(_homeChainId, address(this), buyer, offerId, salt));
    }

    // Inside

    function _buy(bytes32 offerId, bytes32 listing, address signer, uint64 salt) private returns (bytes32 id) {
        // Check
        Offer memory terms = _onSale(offerId, listing);
        id = licenceIdOf(msg.sender, offerId, salt);
        Licence storage l = _licences[id];
        if (l.offerId != bytes32(0)) revert LicenceExists(id);
        if (terms.kind == Kind.Rental) _checkNotRented(terms.asset);
        // Effect
        (l.offerId, l.startSec) = (offerId, uint40(block.timestamp));
        l.untilSec = terms.spanSec == 0 ? NEVER : uint40(block.timestamp) + terms.spanSec;
        if (terms.exclusive) exclusiveRental[terms.asset] = id;
        _mint(msg.sender, uint256(id));
        emit Bought(id, offerId, msg.sender, terms.asset, terms.tenure, terms.price, l.untilSec);
        if (signer != address(0)) _nameSigner(id, l, signer);
        _pay(id, l, terms, terms.price);
    }

    function _renewTo(bytes32 id, bytes32 listing, uint40 untilSec) private {
        // Check
        (Licence storage l, Offer memory terms) = _running(id);
        if (terms.kind != Kind.Subscription) revert NotRenewable(id);
        _checkNotExpired(id, l);
        uint40 presentSec = l.untilSec;
        if (untilSec <= presentSec) return;
        _onSale(l.offerId, listing);
        uint256 latestSec = block.timestamp + MAX_AHEAD;
        uint256 moreSec = untilSec - presentSec;
        if (untilSec > latestSec || moreSec % terms.spanSec != 0) revert BadEnd(id, untilSec, presentSec, latestSec);
        // Effect
        uint96 amount = SafeCast.toUint96((moreSec / terms.spanSec) * terms.price);
        l.untilSec = untilSec;
        emit Renewed(id, msg.sender, amount, untilSec);
        _pay(id, l, terms, amount);
    }

    /// The guard keeps everything that moves money out until it has arrived.
    function _pay(bytes32 id, Licence storage l, Offer memory terms, uint96 amount) private {
        // Effect
        l.paid = SafeCast.toUint96(uint256(l.paid) + amount);
        // Interaction
        uint256 arrived = _token.take(msg.sender, amount);
        if (arrived != amount) revert PriceNotPaid(arrived, amount);
        if (terms.refundable) return;
        _earn(id, l, terms);
        _push(terms.asset, terms.tenure);
    }

    function _claim(Claim calldata entry, bytes32 domain) private {
        // Check, dearest last
        bytes32 id = entry.licenceId;
        (bool found, Licence storage l, Offer memory terms) = _findPass(id);
        if (!found) return;
        if (entry.uses <= l.uses) return _skip(id, SkipReason.NothingNew);
        if (entry.uses > entry.signedUses) return _skip(id, SkipReason.AboveSigned);
        if (entry.uses > terms.calls) return _skip(id, SkipReason.AboveCalls);
        if (block.timestamp >= _releaseOf(l)) return _skip(id, SkipReason.Released);
        bytes32 hash = keccak256(abi.encode(USE_TYPEHASH, id, entry.signedUses, entry.commitment));
        address signer = _recover(domain, hash, entry.r, entry.vs);
        if (signer == address(0) || signer != l.signer) return _skip(id, SkipReason.BadSignature);
        if (!_assets.actsFor(terms.asset, terms.tenure, msg.sender)) return _skip(id, SkipReason.NotOperator);
        // Effect
        _count(id, l, terms, uint64(entry.uses)); // at most the calls, hence 64 bits
    }

    function _reclaim(bytes32 id) private {
        // Check
        (bool found, Licence storage l, Offer memory terms) = _findPass(id);
        if (!found) return;
        if (!terms.refundable) return _skip(id, SkipReason.NotRefundable);
        if (block.timestamp < _releaseOf(l)) return _skip(id, SkipReason.NotReleased);
        // Effect
        _end(id, l, terms, EndReason.Reclaimed);
    }

    function _findPass(bytes32 id) private returns (bool found, Licence storage l, Offer memory terms) {
        l = _licences[id];
        terms = _terms(l.offerId);
        if (_ownerOf(uint256(id)) == address(0)) _skip(id, SkipReason.NotRunning);
        else if (terms.kind != Kind.Pass) _skip(id, SkipReason.NotAPass);
        else found = true;
    }

    function _skip(bytes32 id, SkipReason reason) private {
        emit Skipped(id, reason);
    }

    function _count(bytes32 id, Licence storage l, Offer memory terms, uint64 uses) private {
        l.uses = uses;
        emit Counted(id, uses);
        _earn(id, l, terms);
    }

    /// Makes what ran off so far the seller's. Nothing of a licence that is over is left.
    function _earn(bytes32 id, Licence storage l, Offer memory terms) private {
        uint96 total = _earnedOf(l, terms);
        uint96 more = total - l.earned;
        if (more == 0) return;
        l.earned = total;
        due[terms.asset][terms.tenure] += more;
        emit Earned(id, terms.asset, terms.tenure, more);
    }

    /// Rounded down. Never falls: neither time nor uses run backwards, and a renewal keeps the price of a second.
    function _earnedOf(Licence storage l, Offer memory terms) private view returns (uint96) {
        uint256 paid = l.paid;
        if (!terms.refundable || l.earned == paid) return uint96(paid);
        unchecked {
            // 96 bits of money by 64 of calls or 40 of time, and never more than was paid.
            if (terms.kind == Kind.Pass) return uint96(paid * l.uses / terms.calls);
            (uint256 startSec, uint256 untilSec) = (l.startSec, l.untilSec);
            if (block.timestamp >= untilSec) return uint96(paid);
            return uint96(paid * (block.timestamp - startSec) / (untilSec - startSec));
        }
    }

    function _end(bytes32 id, Licence storage l, Offer memory terms, EndReason reason) private {
        _earn(id, l, terms);
        uint96 rest = l.paid - l.earned;
        address holder = _ownerOf(uint256(id));
        l.paid = l.earned;
        l.signer = address(0);
        refunds[holder] += rest;
        _burn(uint256(id));
        emit Ended(id, holder, reason, rest);
    }

    function _push(uint64 asset, uint32 tenure) private returns (uint256 amount) {
        amount = due[asset][tenure];
        if (amount == 0) return 0;
        // Effect
        delete due[asset][tenure];
        emit Pushed(asset, tenure, amount);
        // Interaction
        _revenue.pay(asset, tenure, amount);
    }

    function _nameSigner(bytes32 id, Licence storage l, address signer) private {
        uint16 number = l.signerNumber + 1;
        (l.signer, l.signerNumber) = (signer, number);
        emit SignerSet(id, signer, number);
    }

    /// A transfer takes the signer off, so that the old holder's key admits no more calls.
    function _update(address to, uint256 tokenId, address auth) internal override returns (address from) {
        from = super._update(to, tokenId, auth);
        if (from == address(0) || to == address(0)) return from;
        bytes32 id = bytes32(tokenId);
        Licence storage l = _licences[id];
        Offer memory terms = _terms(l.offerId);
        if (!terms.transferable) revert NotTransferable(id);
        _checkSealed(id, l, terms);
        if (l.signer == address(0)) return from;
        l.signer = address(0);
        emit SignerSet(id, address(0), l.signerNumber);
    }

    function _onSale(bytes32 offerId, bytes32 listing) private view returns (Offer memory terms) {
        _checkOpen(offerId);
        terms = _terms(offerId);
        IAssets.Head memory head = _assets.head(terms.asset);
        if (terms.tenure != head.tenure) revert WrongTenure(terms.asset, terms.tenure, head.tenure);
        if (head.listing == bytes32(0)) revert NotListed(terms.asset);
        if (listing != head.listing) revert ListingChanged(terms.asset, listing, head.listing);
    }

    function _terms(bytes32 offerId) private view returns (Offer memory) {
        return _offers[offerId];
    }

    function _running(bytes32 id) private view returns (Licence storage l, Offer memory terms) {
        if (_ownerOf(uint256(id)) == address(0)) revert NotRunning(id);
        l = _licences[id];
        terms = _terms(l.offerId);
    }

    function _checkTerms(Offer memory terms) private pure {
        Kind kind = terms.kind;
        if (terms.price == 0) revert ZeroPrice(terms.asset);
        bool timed = kind == Kind.Subscription || kind == Kind.Rental;
        if (terms.spanSec > (kind == Kind.Perpetual ? 0 : MAX_SPAN) || (timed && terms.spanSec == 0)) {
            revert BadSpan(kind, terms.spanSec, MAX_SPAN);
        }
        if ((kind == Kind.Pass) != (terms.calls != 0)) revert BadCalls(kind, terms.calls);
        if (terms.exclusive && kind != Kind.Rental) revert OnlyRentalsAreExclusive(kind);
        if (terms.refundable && terms.spanSec == 0) revert NoRefundWithoutEnd(kind);
        if (terms.revocable && !terms.refundable) revert RevocableMustBeRefundable(kind);
    }

    function _checkOpen(bytes32 offerId) private view {
        OfferStatus status = _offerStatus[offerId];
        if (status != OfferStatus.Open) revert OfferNotOpen(offerId, status);
    }

    function _checkNotRented(uint64 asset) private view {
        bytes32 id = exclusiveRental[asset];
        if (isValid(id)) revert ExclusivelyRented(asset, id, _licences[id].untilSec);
    }

    function _checkNotExpired(bytes32 id, Licence storage l) private view {
        if (block.timestamp >= l.untilSec) revert LicenceExpired(id, l.untilSec);
    }

    /// Only the operator knows how many calls a pass in use has left.
    function _checkSealed(bytes32 id, Licence storage l, Offer memory terms) private view {
        if (terms.kind == Kind.Pass && l.signer != address(0)) revert CountNeeded(id);
    }

    function _onlySeller(Offer memory terms) private view {
        if (_assets.ownerAt(terms.asset, terms.tenure) != msg.sender) revert NotOwner(terms.asset, msg.sender);
    }

    function _onlyHolder(bytes32 id) private view {
        if (_ownerOf(uint256(id)) != msg.sender) revert NotHolder(id, msg.sender);
    }

    function _checkBatch(uint256 count) private pure {
        if (count > MAX_BATCH) revert BatchTooLarge(count, MAX_BATCH);
    }

    /// Claims of a pass end and its reclaim begins at this second.
    function _releaseOf(Licence storage l) private view returns (uint256) {
        return uint256(l.untilSec) + _window;
    }

    /// The escrow's, on whatever chain this is now.
    function _domain() private view returns (bytes32) {
        return keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256("Weft Escrow"), keccak256("1"), block.chainid, address(escrow))
        );
    }

    function _recover(bytes32 domain, bytes32 structHash, bytes32 r, bytes32 vs) private pure returns (address signer) {
        (signer,,) = ECDSA.tryRecover(MessageHashUtils.toTypedDataHash(domain, structHash), r, vs);
    }
}
