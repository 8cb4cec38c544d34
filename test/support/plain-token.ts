import type { Signer } from 'ethers';
import { deployForeign } from './foreign-contract.js';

const SOURCE = `// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
contract Plain is ERC20("Plain", "PLN") { constructor() { _mint(msg.sender, 1e24); } }`;

/** An ERC-20 of somebody else: no permits, and nobody mints. All of it is the signer's. Gives its address. */
export async function deployPlainToken(signer: Signer): Promise<string> {
  const token = await deployForeign(signer, 'Plain', SOURCE);
  return (await token.getAddress()).toLowerCase();
}
