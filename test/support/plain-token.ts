import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { ContractFactory, type Signer } from 'ethers';

const SOURCE = `// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
contract Plain is ERC20("Plain", "PLN") { constructor() { _mint(msg.sender, 1e24); } }`;

const require = createRequire(import.meta.url);

/** An ERC-20 of somebody else: no permits, and nobody mints. All of it is the signer's. Gives its address. */
export async function deployPlainToken(signer: Signer): Promise<string> {
  const solc = require('solc') as { compile(input: string, options: object): string };
  const settings = { outputSelection: { '*': { Plain: ['abi', 'evm.bytecode.object'] } } };
  const input = { language: 'Solidity', sources: { 'Plain.sol': { content: SOURCE } }, settings };
  const read = (path: string) => ({ contents: readFileSync(require.resolve(path), 'utf8') });
  const { contracts } = JSON.parse(solc.compile(JSON.stringify(input), { import: read }));
  const { abi, evm } = contracts['Plain.sol'].Plain;
  const token = await new ContractFactory(abi, evm.bytecode.object, signer).deploy();
  await token.waitForDeployment();
  return (await token.getAddress()).toLowerCase();
}
