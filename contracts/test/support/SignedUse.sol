// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signed} from "./WeftTest.sol";

/// What licences sign, computed from PROTOCOL section 1 alone and not from the contracts.
library SignedUse {
    function hashUse(bytes32 licenceId, uint256 uses, bytes32 commitment) internal pure returns (bytes32) {
        bytes32 typeHash = keccak256(abi.encodePacked("Use(bytes32 licenceId,uint64 uses,Call call)", Signed.CALL));
        return keccak256(abi.encode(typeHash, licenceId, uses, commitment));
    }

    function hashCount(bytes32 licenceId, uint64 uses, uint16 signerNumber, uint40 deadlineSec)
        internal
        pure
        returns (bytes32)
    {
        bytes32 typeHash = keccak256("Count(bytes32 licenceId,uint64 uses,uint16 signerNumber,uint40 deadlineSec)");
        return keccak256(abi.encode(typeHash, licenceId, uses, signerNumber, deadlineSec));
    }
}
