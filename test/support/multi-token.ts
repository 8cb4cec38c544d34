import type { Contract, Signer } from 'ethers';
import { deployForeign } from './foreign-contract.js';

const SOURCE = `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;
import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
contract MultiToken is ERC1155("") {
    function mint(address to, uint256 id, uint256 amount) external { _mint(to, id, amount, ""); }
}`;

/** OpenZeppelin's ERC-1155, which the project itself has no use for; anybody may mint. */
export async function deployMultiToken(signer: Signer): Promise<Contract> {
  return (await deployForeign(signer, 'MultiToken', SOURCE)) as Contract;
}
