import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Contract, ContractFactory, type Signer } from 'ethers';

const root = join(import.meta.dirname, '../..');

const SOURCE = `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;
import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
contract MultiToken is ERC1155("") {
    function mint(address to, uint256 id, uint256 amount) external { _mint(to, id, amount, ""); }
}`;

/** OpenZeppelin's ERC-1155, which the project itself has no use for; anybody may mint. */
export async function deployMultiToken(signer: Signer): Promise<Contract> {
  const sources: Record<string, { content: string }> = { 'MultiToken.sol': { content: SOURCE } };
  const add = (path: string, content: string): void => {
    for (const [, imported] of content.matchAll(/^import [^;]*?"([^"]+)";/gm)) {
      const name = imported!.startsWith('.') ? join(path, '..', imported!) : imported!;
      if (sources[name] !== undefined) continue;
      const text = readFileSync(join(root, 'node_modules', name), 'utf8');
      sources[name] = { content: text };
      add(name, text);
    }
  };
  add('MultiToken.sol', SOURCE);
  const outputSelection = { '*': { '*': ['abi', 'evm.bytecode.object'] } };
  const input = JSON.stringify({ language: 'Solidity', sources, settings: { outputSelection } });
  const solc = join(root, 'contracts/scripts/solc.mjs');
  const output = execFileSync(process.execPath, [solc, '--standard-json'], { input, maxBuffer: 2 ** 28 });
  const { abi, evm } = JSON.parse(output.toString()).contracts['MultiToken.sol'].MultiToken;
  const deployed = await new ContractFactory(abi, evm.bytecode.object, signer).deploy();
  await deployed.waitForDeployment();
  return deployed as Contract;
}
