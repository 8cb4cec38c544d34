import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type BaseContract, ContractFactory, type Signer } from 'ethers';
import { mined } from '#contracts/chain.js';

const require = createRequire(import.meta.url);

/** Compiles and deploys a contract of somebody else, which the project itself has no use for. It may import OpenZeppelin's. */
export async function deployForeign(signer: Signer, name: string, source: string): Promise<BaseContract> {
  const solc = require('solc') as { compile(input: string, options: object): string };
  const settings = { outputSelection: { '*': { [name]: ['abi', 'evm.bytecode.object'] } } };
  const input = { language: 'Solidity', sources: { [`${name}.sol`]: { content: source } }, settings };
  const read = (path: string) => ({ contents: readFileSync(require.resolve(path), 'utf8') });
  const { contracts } = JSON.parse(solc.compile(JSON.stringify(input), { import: read }));
  const { abi, evm } = contracts[`${name}.sol`][name];
  const deployed = await new ContractFactory(abi, evm.bytecode.object, signer).deploy();
  await mined(deployed.deploymentTransaction()!);
  return deployed;
}
