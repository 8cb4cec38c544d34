// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Takes no assets, since it says nothing about them.
contract Refuser {
    function call(address to, bytes calldata data) external {
        (bool ok, bytes memory why) = to.call(data);
        require(ok, string(why));
    }
}
