import { readFileSync, writeFileSync } from 'node:fs';
import { readContract, servicesOf } from './read-contract.js';

/*
 * Part of `npm run generate`: writes protos/gen/contract-digests.ts, the digests of all contracts that ship with Weft.
 * Workflow code has them from there, because it can compute none itself. Run in the project's root.
 */
const set = readFileSync('protos/gen/weft.binpb');
const lines = servicesOf(set)
  .filter((service) => /^(weft|models)\./.test(service))
  .sort()
  .map((service) => `  '${service}': '0x${readContract(set, service).digest.toString('hex')}',`);

writeFileSync(
  'protos/gen/contract-digests.ts',
  `/** Contract digests of the shipped services, by the service's full name. Made by \`npm run generate\`. */
export const contractDigests: Readonly<Record<string, \`0x\${string}\`>> = {
${lines.join('\n')}
};
`,
);
